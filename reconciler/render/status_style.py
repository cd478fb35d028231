"""How the page of keys looks: light and dark, a table where there is room and cards where there is none."""

from __future__ import annotations

from typing import Final

CSS: Final = """
:root { color-scheme: light dark;
  --text: #1f2328; --quiet: #59636e; --page: #f6f8fa; --box: #fff; --line: #d8dee4; --track: #e6eaef;
  --good: #1a7f37; --warn: #8a5a00; --danger: #c01b26; --link: #0b57b7; --bar: #3f8f5b; --barwarn: #d29922;
  --bardanger: #d1242f; }
@media (prefers-color-scheme: dark) { :root {
  --text: #e6edf3; --quiet: #9aa4af; --page: #0d1117; --box: #151b23; --line: #2d343d; --track: #2a313b;
  --good: #56c46c; --warn: #dba63a; --danger: #ff7b72; --link: #79b8ff; --bar: #3a8f52; --barwarn: #bb8009;
  --bardanger: #da3633; } }
* { box-sizing: border-box; }
body { max-width: 90rem; margin: 0 auto; padding: 1.25rem 1rem 2rem; color: var(--text);
  background: var(--page); font: .875rem/1.45 system-ui, sans-serif; overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 .75rem; }
h1 { font-size: 1.375rem; margin: 0; } header p { margin: 0; color: var(--quiet); }
h2 { font-size: 1rem; margin: 0 0 .5rem; } h2 small { font-weight: 400; color: var(--quiet); }
ul { margin: 0; padding: 0; list-style: none; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
code { font: .9286em ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; unicode-bidi: isolate; }
small { font-size: .8571rem; color: var(--quiet); } i, em { font-style: normal; }
time { white-space: nowrap; }
.good { color: var(--good); } .warn { color: var(--warn); } .danger { color: var(--danger); }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem; margin: 1rem 0; } .tiles li { flex: 1 1 6.5rem; }
.tiles b, .tiles span { white-space: nowrap; }
.tiles li, .list, .account { background: var(--box); border: 1px solid var(--line); border-radius: .5rem; }
.tiles li { padding: .5rem .75rem; } .tiles b { display: block; font-size: 1.375rem; line-height: 1.25; }
.tiles span { color: var(--quiet); }
.lists { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr));
  gap: .5rem; }
.list { padding: .75rem; color: var(--text); margin: 0; } .list.quiet { margin-top: .5rem; }
.list.warn { border-left: .25rem solid var(--barwarn); color: var(--text); }
.list li { padding: .125rem 0; } .list b { font-weight: 600; }
.coming li { display: grid; grid-template-columns: 5.25rem 3.25rem 6rem minmax(0, 1fr); gap: 0 .5rem; }
.coming i { color: var(--quiet); text-align: right; }
.account { margin-top: .75rem; padding: .75rem .75rem .25rem; }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; font-weight: 400; padding: .5rem .5rem .5rem 0; }
thead th { padding: 0 .5rem .25rem 0; color: var(--quiet); font-size: .8571rem; white-space: nowrap; }
thead th::before { content: attr(data-head); }
tbody tr { border-top: 1px solid var(--line); } tbody tr:target { background: var(--track); }
tr.warned .c0 code, tr.warned .c0 { font-weight: 600; } tr.warned .c0 small { font-weight: 400; }
tr.off .c0 code { color: var(--quiet); }
.c0 { min-width: 9rem; } .c0 small { display: block; }
th.c1, td.c1, th.c2, td.c2, th.c3, td.c3 { width: 15rem; padding-right: 1.25rem; }
.c5 small, .c6 small, .c7 small { display: block; } .c5, .c6, .c7, .c8 { white-space: nowrap; }
.c4, .c8 { padding-left: .5rem; } .c4 { min-width: 8rem; }
th.c5, td.c5 { text-align: right; padding-right: 1.5rem; }
.badge { font-size: .7857rem; border: 1px solid var(--line); border-radius: 1rem;
  padding: 0 .4375rem; white-space: nowrap; font-weight: 400; }
.badge:not(.danger) { color: var(--quiet); }
.use { display: grid; gap: .3125rem; align-items: baseline; white-space: nowrap;
  grid-template-columns: minmax(4.25rem, max-content) minmax(max-content, 1fr) max-content; }
.use b { text-align: right; } .use .alone { grid-column: 2; }
.use b, .c5 b { font-weight: 600; }
.bar { height: .3125rem; margin-top: .25rem; border-radius: .25rem; background: var(--track);
  overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--bar); border-radius: .25rem; }
.bar.warn i { background: var(--barwarn); } .bar.danger i { background: var(--bardanger); }
footer { margin-top: 1rem; color: var(--quiet); font-size: .8571rem; }
@media (max-width: 64rem) {
  .account { padding-bottom: .75rem; }
  table, tbody, tr, th, td { display: block; width: auto; } thead { display: none; }
  tbody tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(7.5rem, 1fr));
    gap: .5rem 1rem; padding: .75rem 0; }
  tbody tr:last-child { padding-bottom: 0; }
  th, td, th.c0, td.c1, td.c2, td.c3, td.c4, td.c5, td.c8 { padding: 0; min-width: 0; width: auto; }
  td.c5 { text-align: left; } td.c1, td.c2, td.c3 { grid-column: span 2; max-width: 20rem; }
  td.empty { display: none; } .use { grid-template-columns: auto 1fr auto; } .use .alone { grid-column: 1; }
  td.c5, td.c6, td.c7, td.c8 { white-space: normal; } .lists { grid-template-columns: minmax(0, 1fr); }
  .c0 { grid-column: 1 / -1; } .c0 small { display: inline; margin-left: .5rem; }
  td::before { content: attr(data-head); display: block; color: var(--quiet); font-size: .7857rem; }
}
@media (max-width: 30rem) {
  .coming li { grid-template-columns: 5.25rem 3.25rem 1fr; } .coming a { grid-column: 1 / -1; }
}
@media print { body { background: none; } }
""".strip()
