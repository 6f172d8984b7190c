// Strokes of a pointer on a canvas, and the image that a network is given of them.

const PEN = 0.07; // width of a stroke that is drawn, of the drawing's side

export class Drawing {
  #canvas;
  #strokes = []; // each a list of {x, y}, from 0 to 1
  #pointer = null; // the one that draws; a palm beside it does not
  #onChange;

  constructor(canvas, onChange) {
    this.#canvas = canvas;
    this.#onChange = onChange;
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#go(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => this.#end(event));
    }
    new ResizeObserver(() => this.show()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.show());
  }

  get isEmpty() {
    return this.#strokes.length === 0;
  }

  clear() {
    this.#strokes = [];
    this.#pointer = null;
    this.show();
  }

  show() {
    const canvas = this.#canvas;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== side) {
      canvas.width = canvas.height = side;
    }
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    context.strokeStyle = getComputedStyle(canvas).color;
    draw(context, this.#strokes, PEN * side, { scale: side, x: 0, y: 0 });
  }

  // White strokes on black, width x height pixels. `pen` is their width, `box` what they are to
  // fill when they are centred, both of the shorter side.
  image(width, height, { pen, box, centred }) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    const side = Math.min(width, height);
    let place = { scale: side, x: (width - side) / 2, y: (height - side) / 2 };
    const paint = () => {
      context.fillStyle = "black";
      context.fillRect(0, 0, width, height);
      context.strokeStyle = "white";
      draw(context, this.#strokes, pen * side, place);
    };
    if (centred) {
      place = fitted(this.#strokes, width, height, (box - pen) * side);
      paint();
      const mass = centreOfMass(context.getImageData(0, 0, width, height));
      place.x += width / 2 - mass.x;
      place.y += height / 2 - mass.y;
    }
    paint();
    return canvas;
  }

  #begin(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#strokes.push([]);
    this.#add([event]);
  }

  #go(event) {
    if (event.pointerId !== this.#pointer) return;
    const events = event.getCoalescedEvents?.() ?? [];
    this.#add(events.length ? events : [event]);
  }

  #end(event) {
    if (event.pointerId === this.#pointer) this.#pointer = null;
  }

  #add(events) {
    const box = this.#canvas.getBoundingClientRect();
    for (const { clientX, clientY } of events) {
      this.#strokes.at(-1).push({
        x: (clientX - box.left) / box.width,
        y: (clientY - box.top) / box.height,
      });
    }
    this.show();
    this.#onChange();
  }
}

function draw(context, strokes, lineWidth, place) {
  context.lineWidth = lineWidth;
  context.lineCap = context.lineJoin = "round";
  for (const stroke of strokes) {
    context.beginPath();
    for (const { x, y } of stroke) {
      context.lineTo(place.x + x * place.scale, place.y + y * place.scale);
    }
    if (stroke.length === 1) context.closePath(); // a dot: an open path of one point paints nothing
    context.stroke();
  }
}

// Where the strokes go so that the longer side of all of them is `extent`, in the middle.
function fitted(strokes, width, height, extent) {
  const points = strokes.flat();
  const xs = points.map((point) => point.x);
  const ys = points.map((point) => point.y);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const longer = Math.max(right - left, bottom - top);
  const scale = longer > 0 ? extent / longer : extent; // a dot stays one
  return {
    scale,
    x: width / 2 - ((left + right) / 2) * scale,
    y: height / 2 - ((top + bottom) / 2) * scale,
  };
}

function centreOfMass({ data, width, height }) {
  let [mass, x, y] = [0, 0, 0];
  for (let index = 0; index < width * height; index++) {
    const value = data[4 * index];
    mass += value;
    x += value * ((index % width) + 0.5);
    y += value * (Math.floor(index / width) + 0.5);
  }
  return mass ? { x: x / mass, y: y / mass } : { x: width / 2, y: height / 2 };
}
