// Keys of a review: they press the buttons of the look that is chosen. Everything works without them.
"use strict";

{
  const part = () => document.getElementById("review");
  const looks = () => [...part().querySelectorAll(".choices-of > li")];
  const chosen = () => looks().find((look) => look.ariaCurrent === "true");

  function choose(look) {
    if (!look) return;
    for (const other of looks()) other.ariaCurrent = other === look ? "true" : null;
    look.scrollIntoView({ block: "nearest", inline: "center" });
    document.getElementById("voice").textContent = look.getAttribute("aria-label");
  }

  function lock(within) {
    // The first press goes to the pieces; the next ones keep or free the piece that has the focus.
    const boxes = [...within.querySelectorAll('input[name="lock"]:not(:disabled)')];
    const focused = boxes.find((box) => box === document.activeElement);
    if (focused) focused.click();
    else boxes[0]?.focus();
  }

  function step(event, look) {
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -1, ArrowDown: 1 }[event.key];
    const boxes = [...look.querySelectorAll('input[name="lock"]:not(:disabled)')];
    const at = boxes.indexOf(document.activeElement);
    if (at >= 0 && event.key.endsWith("p") | event.key.endsWith("n")) boxes[at + by]?.focus();
    else if (event.key === "ArrowLeft" || event.key === "ArrowRight") choose(looks()[looks().indexOf(look) + by]);
    else return;
    event.preventDefault();
  }

  document.addEventListener("keydown", (event) => {
    if (!part() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input:not([type=checkbox]), select, textarea")) return;
    const key = event.key.toLowerCase();
    const look = chosen();
    if (key >= "1" && key <= "9") { choose(looks()[Number(key) - 1]); return; }
    if (event.key.startsWith("Arrow") && look) { step(event, look); return; }
    if (key === "l" && look) { event.preventDefault(); lock(look); return; }
    const button = look?.querySelector(`[data-press="${CSS.escape(key)}"]`) || part().querySelector(`:scope > :not(.choices-of) [data-press="${CSS.escape(key)}"]`);
    if (button) { event.preventDefault(); button.click(); }
  });

  document.addEventListener("click", (event) => {
    const look = event.target.closest(".choices-of > li");
    if (look && !event.target.closest("button, a")) choose(look);
  });

  // While the next looks are being made, ask for them now and then.
  setInterval(() => {
    if (part()?.hasAttribute("data-waiting") && !document.hidden) swap("review", location.href, { push: false });
  }, 1500);
}
