// Buttons that copy what is in a field; without this file, people select and copy it themselves.
"use strict";
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
      say("It is copied.");
    } catch {
      say("It is selected; copy it with Ctrl+C.");
    }
  });
}
