// Runs inside the browser: shows one file in frames of several widths and tells what a person would see.
// The program that carries the browser calls the function by this name, with what tests/browser.py sent.
window.kaleido_scopes = {
  plotly: async (spec) => {
    document.body.style.margin = "0";
    const views = [];
    for (const width of spec.widths) views.push(await look(spec, width));
    return { code: 0, format: "json", views };
  },
};

async function look(spec, width) {
  const frame = document.createElement("iframe");
  frame.style.cssText = `border: 0; width: ${width}px; height: 900px`;
  document.body.append(frame);
  const page = frame.contentDocument, view = frame.contentWindow, complaints = [];
  const loaded = new Promise((resolve) => (frame.onload = resolve));
  page.open();
  listen(page, view, complaints);
  page.write(spec.html);
  page.close();
  await loaded;
  const root = page.documentElement;
  const seen = {
    complaints,
    width,
    dark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    text: page.body.innerText,
    scroll_width: root.scrollWidth,
    hidden: [],
    faint: [],
  };
  const walker = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) inspect(walker.currentNode, view, width, seen);
  seen.picture = spec.pictures ? await picture(page, width, seen.dark) : "";
  frame.remove();
  return seen;
}

function listen(page, view, complaints) {
  for (const level of ["error", "warn"]) view.console[level] = (...words) => complaints.push(words.join(" "));
  view.addEventListener("error", (event) => complaints.push(event.message || `${event.target.tagName} failed`), true);
  view.addEventListener("unhandledrejection", (event) => complaints.push(`rejected: ${event.reason}`));
  page.addEventListener("securitypolicyviolation", (event) =>
    complaints.push(`blocked ${event.blockedURI} (${event.violatedDirective})`),
  );
}

function inspect(node, view, width, seen) {
  const words = node.data.trim();
  if (!words || ["STYLE", "SCRIPT"].includes(node.parentElement.tagName)) return;
  const range = node.ownerDocument.createRange();
  range.selectNodeContents(node);
  const box = range.getBoundingClientRect();
  const style = view.getComputedStyle(node.parentElement);
  if (!box.width || !box.height || style.visibility !== "visible" || box.left < 0 || box.right > width + 1)
    seen.hidden.push(words.slice(0, 80));
  const ratio = contrast(node.parentElement, style, view);
  const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
  // WCAG 2.2, 1.4.3: large text is 24 px, or 18.66 px in bold.
  const least = size >= 24 || (bold && size >= 18.66) ? 3 : 4.5;
  if (ratio < least) seen.faint.push(`${words.slice(0, 80)} (${ratio.toFixed(2)})`);
}

function contrast(element, style, view) {
  const layers = [];
  for (let node = element; node; node = node.parentElement)
    layers.push(channels(view.getComputedStyle(node).backgroundColor));
  let ground = [255, 255, 255];
  for (const layer of layers.reverse()) ground = over(layer, ground);
  const [light, dark] = [luminance(over(channels(style.color), ground)), luminance(ground)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

function channels(color) {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return [red, green, blue, alpha];
}

function over([red, green, blue, alpha], ground) {
  return [red, green, blue].map((value, index) => value * alpha + ground[index] * (1 - alpha));
}

function luminance(color) {
  const [red, green, blue] = color.map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

// A canvas cannot draw a document, but it can draw an image that holds one.
async function picture(page, width, dark) {
  const height = Math.min(page.documentElement.scrollHeight, 4000);
  const copy = page.documentElement.cloneNode(true);
  for (const sheet of copy.querySelectorAll("style"))
    sheet.textContent = sheet.textContent.replace(/\(prefers-color-scheme: dark\)/g, dark ? "all" : "not all");
  const body = new XMLSerializer().serializeToString(copy);
  const image = new Image();
  const drawn = new Promise((resolve, reject) => ((image.onload = resolve), (image.onerror = reject)));
  image.src =
    "data:image/svg+xml;charset=utf-8," +
    encodeURIComponent(
      `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
        `<foreignObject width="100%" height="100%">${body}</foreignObject></svg>`,
    );
  await drawn;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const pen = canvas.getContext("2d");
  pen.fillStyle = getComputedStyle(page.body).backgroundColor;
  pen.fillRect(0, 0, width, height);
  pen.drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
}
