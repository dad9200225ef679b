
// Sounds: one button on the waveform instead of the browser's bar, which has no room in a card.
const sounds = [...document.querySelectorAll(".sound audio")];
for (const audio of sounds) {
  const box = audio.closest(".sound");
  const played = box.querySelector(".played");
  const width = box.querySelector("svg").viewBox.baseVal.width;
  const button = document.createElement("button");
  button.type = "button";
  const tell = () => {
    button.textContent = audio.paused ? "▶" : "❚❚";
    button.setAttribute("aria-label", `${audio.paused ? "Play" : "Pause"} ${box.dataset.title}`);
  };
  button.addEventListener("click", () => {
    if (!audio.paused) {
      audio.pause();
      return;
    }
    for (const other of sounds) if (other !== audio) other.pause();
    audio.play().catch(() => {
      button.disabled = true;
    });
  });
  const progress = () => played.setAttribute("width", width * (audio.currentTime / (audio.duration || 1)));
  for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, tell);
  audio.addEventListener("timeupdate", progress);
  audio.controls = false;
  tell();
  box.append(button);
}
