// The patient of the page: arrays come as integers on an even grid, value = low + step * stored.
const DATA = JSON.parse(document.getElementById('patient').textContent);
const STORED = { uint8: Uint8Array, uint16: Uint16Array };

function stored(name) {
  const text = atob(DATA.arrays[name].data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return new STORED[DATA.arrays[name].type](bytes.buffer); // little-endian, as all browsers are
}

function values(name) {
  const { low, step } = DATA.arrays[name];
  return Float32Array.from(stored(name), (code) => low + step * code);
}

// Rows of an array whose last `rank` dimensions are one row.
function rowsOf(name, rank) {
  const all = values(name), shape = DATA.arrays[name].shape;
  const size = shape.slice(shape.length - rank).reduce((a, b) => a * b, 1);
  return (row) => all.subarray(row * size, (row + 1) * size);
}

// From the patient frame (x left, y back, z head) to that of the screen seen from the front
// (x right, y up, z to the viewer).
function toScreen(points) {
  const turned = new Float32Array(points.length);
  for (let i = 0; i < points.length; i += 3) {
    turned[i] = points[i];
    turned[i + 1] = points[i + 2];
    turned[i + 2] = -points[i + 1];
  }
  return turned;
}

function vertexNormals(points, faces) {
  const normals = new Float32Array(points.length);
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [3 * faces[f], 3 * faces[f + 1], 3 * faces[f + 2]];
    const u = [0, 1, 2].map((k) => points[b + k] - points[a + k]);
    const v = [0, 1, 2].map((k) => points[c + k] - points[a + k]);
    const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    for (const corner of [a, b, c]) for (let k = 0; k < 3; k++) normals[corner + k] += n[k];
  }
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1;
    for (let k = 0; k < 3; k++) normals[i + k] /= length;
  }
  return normals;
}

// Gradients of nodal values at the nodes, each the mean over the faces about it, by area. With them
// values bend within triangles, or fronts and isochrones would break at every side.
function nodalGradients(points, faces, values) {
  const gradients = new Float32Array(points.length), weights = new Float32Array(points.length / 3);
  const cross = (p, q) => [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
  for (let f = 0; f < faces.length; f += 3) {
    const [a, b, c] = [faces[f], faces[f + 1], faces[f + 2]];
    const u = [0, 1, 2].map((k) => points[3 * b + k] - points[3 * a + k]);
    const v = [0, 1, 2].map((k) => points[3 * c + k] - points[3 * a + k]);
    const n = cross(u, v), size = Math.hypot(...n);
    if (!size) continue;
    const [over, side] = [cross(v, n), cross(n, u)];
    const g = over.map((x, k) => ((values[b] - values[a]) * x + (values[c] - values[a]) * side[k]) / size);
    for (const node of [a, b, c]) {
      weights[node] += size;
      for (let k = 0; k < 3; k++) gradients[3 * node + k] += g[k];
    }
  }
  return gradients.map((x, i) => x / (weights[Math.floor(i / 3)] || 1));
}

// Colours of a map: [red, green, blue] of 0 to 255 at each stop.
const COLOURS = Object.fromEntries(Object.entries(DATA.maps).map(([name, text]) => [
  name, text.match(/.{6}/g).map((hex) => [0, 2, 4].map((k) => parseInt(hex.slice(k, k + 2), 16))),
]));

function cssColour(map, share) {
  const stops = COLOURS[map];
  return `rgb(${stops[Math.round(Math.min(Math.max(share, 0), 1) * (stops.length - 1))].join()})`;
}

function rounded(value) {
  return Number(value.toPrecision(2)).toLocaleString('en', { useGrouping: false, maximumSignificantDigits: 2 });
}
