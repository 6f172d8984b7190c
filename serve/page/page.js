// The page: what is drawn, dropped, chosen or pasted is asked about, and the answer shown.

import { Drawing } from "./drawing.js";

const MOST_BARS = 10;
// How the digits lie in the training images, of a side: the width of a stroke, and what they fill.
const MNIST = { pen: 0.08, box: 20 / 28 };
const FORMS = { digits: { pen: 0.12, box: 1 } }; // scikit-learn's fill the image, and are bold
const of = (id) => document.getElementById(id);

const health = await (await fetch("healthz")).json();
const [channels, height, width] = health.image_shape;
const isInOrder = health.classes.length <= MOST_BARS; // then every class has its place
const isOfLetters = health.classes.every((name) => name.length <= 2);

// One question is under way at a time; of those that come meanwhile only the newest is asked.
class Questions {
  #next = null;
  #isAsking = false;
  #cleared = 0;

  async ask(makeBody) {
    this.#next = makeBody;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#next) {
        const [make, cleared] = [this.#next, this.#cleared];
        this.#next = null;
        const outcome = await answered(make);
        if (cleared === this.#cleared) show(outcome);
      }
    } finally {
      this.#isAsking = false;
    }
  }

  forget() {
    this.#next = null;
    this.#cleared++;
  }
}

async function answered(makeBody) {
  try {
    const body = await makeBody();
    const start = performance.now();
    const response = await fetch(`v1/predict?top=${MOST_BARS}&seen=true`, {
      method: "POST",
      body,
      headers: { "Content-Type": "application/octet-stream" }, // the server looks for itself
    });
    const answer = await response.json();
    const milliseconds = performance.now() - start;
    if (!response.ok) return { problem: answer.detail };
    return { answer: answer.images[0], milliseconds, server: serverTiming(response) };
  } catch {
    return { problem: "The server does not answer." };
  }
}

// "decode;dur=0.4, queue;dur=0.1" to {decode: 0.4, queue: 0.1}
function serverTiming(response) {
  const steps = (response.headers.get("Server-Timing") ?? "").matchAll(/(\w+);dur=([\d.]+)/g);
  return Object.fromEntries([...steps].map(([, name, value]) => [name, Number(value)]));
}

const drawing = new Drawing(of("drawing"), () => {
  hidePicture();
  of("hint").hidden = true;
  askAboutDrawing();
});
const questions = new Questions();

function askAboutDrawing() {
  const form = FORMS[health.dataset] ?? MNIST;
  const image = drawing.image(width, height, { ...form, centred: of("centre").checked });
  questions.ask(() => new Promise((done) => image.toBlob(done, "image/png")));
}

function askAboutFile(file) {
  clear();
  of("hint").hidden = true;
  of("picture").src = URL.createObjectURL(file);
  of("picture").hidden = false;
  questions.ask(() => file);
}

function hidePicture() {
  const picture = of("picture");
  if (picture.hidden) return;
  picture.hidden = true;
  URL.revokeObjectURL(picture.src);
  picture.removeAttribute("src");
}

function clear() {
  questions.forget();
  drawing.clear();
  hidePicture();
  of("hint").hidden = false;
  show({});
}

function show({ problem, answer, milliseconds, server = {} }) {
  of("problem").hidden = !problem;
  of("problem").textContent = problem ?? "";
  const best = answer?.predictions[0];
  of("best").textContent = best?.class ?? "–";
  of("best").classList.toggle("empty", !best);
  of("probability").textContent = best ? percent(best.probability) : "\u00a0";
  showBars(answer?.predictions ?? []);
  of("seen").hidden = !answer;
  if (answer) of("seen").src = answer.seen;
  of("round-trip").textContent = duration(milliseconds);
  for (const step of ["decode", "queue", "compute"]) of(step).textContent = duration(server[step]);
}

function showBars(predictions) {
  const shown = isInOrder ? predictions.toSorted((a, b) => a.index - b.index) : predictions;
  const best = predictions[0]?.index;
  [...of("bars").children].forEach((row, place) => {
    const { class: name = isInOrder ? health.classes[place] : "–", index, probability } =
      shown[place] ?? {};
    row.classList.toggle("first", index !== undefined && index === best);
    row.querySelector(".class").textContent = name;
    row.querySelector(".share").textContent = probability === undefined ? "" : percent(probability);
    row.querySelector(".bar").style.setProperty("--share", probability ?? 0);
  });
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const duration = (milliseconds) =>
  milliseconds === undefined ? "–" : `${milliseconds.toFixed(milliseconds < 10 ? 2 : 0)} ms`;

function addRow() {
  const row = document.createElement("li");
  for (const part of ["class", "track", "share"]) {
    const cell = document.createElement("span");
    cell.className = part;
    row.append(cell);
  }
  const bar = document.createElement("div");
  bar.className = "bar";
  row.querySelector(".track").append(bar);
  of("bars").append(row);
}

function filesOf(transfer) {
  return [...(transfer?.files ?? [])];
}

function begin() {
  const { model, precision, provider, classes } = health;
  document.title = `${model.name} · onnxproof`;
  of("name").textContent = model.name;
  const kind = channels === 1 ? "grey" : "RGB";
  of("about").textContent = `${precision} on ${provider}, ${classes.length} classes`;
  of("pixels").textContent = `${width} × ${height} pixels, ${kind}`;
  of("best").classList.toggle("word", !isOfLetters);
  of("bars").classList.toggle("words", !isOfLetters);
  of("centre").checked = channels === 1;
  for (let row = 0; row < Math.min(MOST_BARS, classes.length); row++) addRow();
  show({});

  of("clear").addEventListener("click", clear);
  of("picture").addEventListener("error", hidePicture); // a kind that only the server can read
  of("centre").addEventListener("change", () => drawing.isEmpty || askAboutDrawing());
  of("file").addEventListener("change", (event) => {
    for (const file of event.target.files) askAboutFile(file);
    event.target.value = ""; // so that the same file can be chosen again
  });
  addEventListener("paste", (event) => filesOf(event.clipboardData).forEach(askAboutFile));
  addEventListener("dragover", (event) => {
    event.preventDefault();
    of("paper").classList.add("dropping");
  });
  addEventListener("dragleave", () => of("paper").classList.remove("dropping"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    of("paper").classList.remove("dropping");
    filesOf(event.dataTransfer).slice(0, 1).forEach(askAboutFile);
  });
}

begin();
