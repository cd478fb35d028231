"""What servers of the New API family say, in English and in Chinese."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from reconciler.sandbox.newapi_switches import NewApiSwitches

Language = Literal["chinese", "english"]

# Ruff takes full-width punctuation for a slip of the keyboard; the servers write it.
MESSAGES = {
    "no_token": (
        "Unauthorized, not logged in and no access token provided",
        "无权进行此操作，未登录且未提供 access token",  # noqa: RUF001
    ),
    "bad_token": ("Unauthorized, invalid access token", "无权进行此操作，access token 无效"),  # noqa: RUF001
    "no_user_header": (
        "Unauthorized, New-Api-User header not provided",
        "无权进行此操作，未提供 New-Api-User",  # noqa: RUF001
    ),
    "malformed_user_header": (
        "Unauthorized, New-Api-User header format error",
        "无权进行此操作，New-Api-User 格式错误",  # noqa: RUF001
    ),
    "wrong_user_header": (
        "Unauthorized, New-Api-User does not match logged in user",
        "无权进行此操作，New-Api-User 与登录用户不匹配",  # noqa: RUF001
    ),
    "banned": ("User has been banned", "用户已被封禁"),
    "scope": ("Access token lacks the scope {}", "access token 缺少权限 {}"),
    "not_found": ("record not found", "record not found"),
    "no_id": ("id or userId is empty!", "id 或 userId 为空！"),  # noqa: RUF001
    "invalid": ("Invalid parameters", "无效的参数"),
    "name_too_long": ("Token name is too long", "令牌名称过长"),
    # Upstream has this one in Chinese only.
    "too_many": ("已达到最大令牌数量限制 ({})", "已达到最大令牌数量限制 ({})"),
    "negative_quota": ("Quota value cannot be negative", "额度值不能为负数"),
    "quota_too_large": (
        "Quota value exceeds valid range, maximum is {}",
        "额度值超出有效范围，最大值为 {}",  # noqa: RUF001
    ),
    "expired_stays": (
        "Token has expired and cannot be enabled, please modify its expiration time first",
        "令牌已过期，无法启用，请先修改令牌过期时间，或者设置为永不过期",  # noqa: RUF001
    ),
    "exhausted_stays": (
        "Token quota is exhausted and cannot be enabled, please modify its remaining quota first",
        "令牌可用额度已用尽，无法启用，请先修改令牌剩余额度，或者设置为无限额度",  # noqa: RUF001
    ),
    "bad_subnet": ("invalid subnet: {}", "无效的网段：{}"),  # noqa: RUF001
    "bad_group": ("Group {} is not available", "分组 {} 不可用"),
    "bad_auto_groups": ("Invalid auto groups", "自动分组无效"),
    "batch_too_large": ("At most {} ids at a time", "一次最多 {} 个"),
    "bad_search": ("Invalid search pattern", "搜索关键词无效"),
    "no_key": ("No Authorization header", "No Authorization header"),
    "bad_bearer": ("Invalid Bearer token", "Invalid Bearer token"),
    "unknown_key": ("Invalid token", "无效的令牌"),
    "use_expired": ("Token has expired", "该令牌已过期"),
    "use_exhausted": ("Token quota is exhausted", "该令牌额度已用尽"),
    "use_disabled": ("Token is not available", "该令牌状态不可用"),
    "use_unpaid": ("User quota is not enough", "用户额度不足"),
}


def language_of(switches: NewApiSwitches, accept_language: str) -> Language:
    """Return the language of an answer."""
    if switches.messages != "negotiated":
        return switches.messages
    return "chinese" if accept_language.lower().startswith("zh") else "english"


def message(name: str, language: Language, *values: object) -> str:
    """Return one message, its places filled in."""
    english, chinese = MESSAGES[name]
    return (english if language == "english" else chinese).format(*values)
