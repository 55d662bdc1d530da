// The picture: heart, torso, electrodes and arrows by OGL, and what is under a pixel.
const { Renderer, Camera, Transform, Geometry, Program, Mesh, Texture, Vec3 } = OGL;
const POINTS = toScreen(values('heart_points'));
const TAU = rowsOf('activation_time', 1);
const MAGNITUDE = rowsOf('magnitude', 1);
const ANGLE = DATA.arrays.angle && rowsOf('angle', 1);
const SCAR = DATA.arrays.substrate && values('substrate');
const ELECTRODES = toScreen(values('electrode_points'));
const SURFACES = ['outer', 'endocardium'];
const FOV = 30, ARROW_MM = 8, DOT_PX = 13, PICK_PX = 24, PROBE_PX = 14;

// A shaft with a cone at its end, as triangles with a normal each.
function arrowShape(sides = 6) {
  const position = [], normal = [];
  const ring = (k, r, z) => [r * Math.cos((2 * Math.PI * k) / sides), r * Math.sin((2 * Math.PI * k) / sides), z];
  const push = (corners, k) => corners.forEach((corner) => {
    position.push(...corner);
    normal.push(...ring(k + 0.5, 1, 0));
  });
  for (let k = 0; k < sides; k++) {
    const [a, b] = [ring(k, 0.06, 0), ring(k + 1, 0.06, 0)];
    const [c, d] = [ring(k, 0.06, 0.65), ring(k + 1, 0.06, 0.65)];
    push([a, b, d, a, d, c], k);
    const [e, f] = [ring(k, 0.17, 0.62), ring(k + 1, 0.17, 0.62)];
    push([e, f, [0, 0, 1]], k);
    push([f, e, [0, 0, 0.62]], k);
  }
  return { position: new Float32Array(position), normal: new Float32Array(normal) };
}

function middle(points) {
  const box = [0, 1, 2].map((k) => {
    let [low, high] = [Infinity, -Infinity];
    for (let i = k; i < points.length; i += 3) [low, high] = [Math.min(low, points[i]), Math.max(high, points[i])];
    return [low, high];
  });
  return { centre: new Vec3(...box.map(([a, b]) => (a + b) / 2)), radius: Math.hypot(...box.map(([a, b]) => b - a)) / 2 };
}

class View {
  constructor(canvas, tap) {
    this.canvas = canvas;
    this.renderer = new Renderer({ canvas, alpha: true, antialias: window.devicePixelRatio < 2, dpr: Math.min(window.devicePixelRatio || 1, 2), preserveDrawingBuffer: true });
    this.gl = this.renderer.gl;
    if (!this.renderer.isWebgl2) throw new Error('no WebGL 2');
    this.scene = new Transform();
    this.camera = new Camera(this.gl, { fov: FOV, near: 10, far: 6000 });
    this.heartBox = middle(POINTS);
    this.torsoBox = middle(toScreen(values('torso_points')));
    this.table = new Turntable(this.camera, canvas, tap);
    this.hearts = Object.fromEntries(SURFACES.map((name) => [name, this.heart(name)]));
    this.arrows = SURFACES.map((name) => DATA.methods.map((_, m) => this.arrow(name, m)));
    this.makeTorso();
    this.makeElectrodes();
    this.frame('heart');
    this.table.distance *= 2; // at first the body about the heart is seen, too
  }

  program(vertex, fragment, uniforms, more = {}) {
    const boxed = Object.fromEntries(Object.entries(uniforms).map(([name, value]) => [name, { value }]));
    return new Program(this.gl, { vertex, fragment, uniforms: boxed, cullFace: false, ...more });
  }

  add(geometry, program, more = {}) {
    const mesh = new Mesh(this.gl, { geometry: new Geometry(this.gl, geometry), program, frustumCulled: false, ...more });
    mesh.setParent(this.scene);
    return mesh;
  }

  heart(name) {
    this.textures = this.textures || Object.fromEntries(Object.entries(COLOURS).map(([map, stops]) => [map, new Texture(this.gl, {
      image: new Uint8Array(stops.flatMap((rgb) => [...rgb, 255])), width: stops.length, height: 1, generateMipmaps: false,
    })]));
    const faces = stored(`${name}_faces`), n = POINTS.length / 3;
    const normals = vertexNormals(POINTS, faces);
    const uniforms = { colours: this.textures.time, time: 0, banded: 1, layer: 0, low: 0, high: 1, firstBand: 0, lastBand: 1, bandWidth: 1, resting: [0.6, 0.6, 0.6] };
    const mesh = this.add({
      position: { size: 3, data: POINTS }, normal: { size: 3, data: normals }, index: { data: faces },
      tau: { size: 1, data: new Float32Array(n) }, slope: { size: 3, data: new Float32Array(3 * n) }, value: { size: 1, data: new Float32Array(n) },
      scar: { size: 1, data: SCAR || new Float32Array(n) },
    }, this.program(HEART_VERTEX, HEART_FRAGMENT, uniforms));
    return { mesh, faces, normals, used: Uint16Array.from(new Set(faces)) };
  }

  arrow(name, method) {
    const places = stored(`${name}_places`), n = 3 * places.length;
    const pick = (source) => Float32Array.from({ length: n }, (_, i) => source[3 * places[Math.floor(i / 3)] + (i % 3)]);
    const shape = arrowShape();
    const mesh = this.add({
      position: { size: 3, data: shape.position }, normal: { size: 3, data: shape.normal },
      place: { size: 3, data: pick(POINTS), instanced: 1 }, outward: { size: 3, data: pick(this.hearts[name].normals), instanced: 1 },
      direction: { size: 3, data: new Float32Array(n), instanced: 1 },
    }, this.program(ARROW_VERTEX, PLAIN_FRAGMENT, { size: ARROW_MM, tint: [0, 0, 0] }));
    return { mesh, directions: rowsOf(`${name}_arrows`, 2) };
  }

  makeTorso() {
    const points = toScreen(values('torso_points')), faces = stored('torso_faces');
    const program = this.program(TORSO_VERTEX, TORSO_FRAGMENT, { tint: [0.3, 0.4, 0.5] }, { transparent: true, depthWrite: false });
    program.setBlendFunc(this.gl.SRC_ALPHA, this.gl.ONE_MINUS_SRC_ALPHA, this.gl.ONE, this.gl.ONE_MINUS_SRC_ALPHA);
    this.torso = this.add({ position: { size: 3, data: points }, normal: { size: 3, data: vertexNormals(points, faces) }, index: { data: faces } }, program);
  }

  makeElectrodes() {
    const dots = (points, pixels) => this.add(
      { position: { size: 3, data: points }, chosen: { size: 1, data: new Float32Array(points.length / 3) } },
      this.program(DOT_VERTEX, DOT_FRAGMENT, { pixels: pixels * this.renderer.dpr, tint: [0.5, 0.5, 0.5], tintChosen: [0.84, 0.37, 0], ring: [1, 1, 1] }),
      { mode: this.gl.POINTS });
    this.electrodes = dots(ELECTRODES, DOT_PX);
    this.probe = dots(new Float32Array(3), DOT_PX);
    this.probe.geometry.attributes.chosen.data[0] = 1;
  }

  // From the front, left, back or right of the patient.
  look(side) {
    Object.assign(this.table, { theta: { front: 0, left: Math.PI / 2, back: Math.PI, right: -Math.PI / 2 }[side], phi: Math.PI / 2 });
  }

  // The heart or the body fills the picture.
  frame(what) {
    const { centre, radius } = this[`${what}Box`], { clientWidth, clientHeight } = this.canvas.parentElement;
    const distance = (radius * (what === 'heart' ? 0.95 : 1)) / Math.tan((FOV * Math.PI) / 360) / Math.min(1, clientWidth / clientHeight);
    Object.assign(this.table, { target: [...centre], distance });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.canvas.parentElement;
    if (this.renderer.width === width && this.renderer.height === height) return false;
    this.renderer.setSize(width, height);
    this.camera.perspective({ aspect: width / height });
    return true;
  }

  // Takes over what is to be seen.
  show(state, range, theme) {
    const edges = DATA.band_edges[state.scenario], tau = TAU(state.scenario), values = shownValues(state);
    SURFACES.forEach((name, s) => {
      const { mesh } = this.hearts[name], { attributes } = mesh.geometry, { uniforms } = mesh.program;
      mesh.visible = name === 'endocardium' || state.surface === name;
      // Of the outside one side is seen, and through the valves the lining of the cavities.
      mesh.program.cullFace = state.surface === 'endocardium' ? false : s ? this.gl.FRONT : this.gl.BACK;
      const slope = (times) => nodalGradients(POINTS, this.hearts[name].faces, times);
      for (const [attribute, data, of = (x) => x] of [[attributes.tau, tau], [attributes.slope, tau, slope], [attributes.value, values]]) {
        if (attribute.from === data) continue;
        attribute.data.set(of(data));
        attribute.needsUpdate = true;
        attribute.from = data;
      }
      const given = { colours: this.textures[range.map], banded: state.show === 'activation' ? 1 : 0, layer: state.scar ? 1 : 0, low: range.low, high: range.high, firstBand: edges[0], lastBand: edges[edges.length - 1], bandWidth: edges[1] - edges[0], time: state.time, resting: theme.resting };
      for (const [key, value] of Object.entries(given)) uniforms[key].value = value;
      this.arrows[s].forEach(({ mesh, directions }, m) => {
        mesh.visible = state.arrows && state.surface === name && (state.method === 'error' || state.method === m);
        mesh.program.uniforms.tint.value = m ? theme.secondRgb : theme.inkRgb;
        const attribute = mesh.geometry.attributes.direction, row = m * DATA.electrodes.length + state.electrode;
        if (attribute.row === row) return;
        attribute.data.set(toScreen(directions(row)));
        attribute.needsUpdate = true;
        attribute.row = row;
      });
    });
    this.torso.visible = state.torso;
    this.torso.program.uniforms.tint.value = theme.torso;
    const { chosen } = this.electrodes.geometry.attributes;
    chosen.data.fill(0)[state.electrode] = 1;
    chosen.needsUpdate = true;
    this.probe.visible = state.probe !== null;
    if (state.probe !== null) {
      const { position } = this.probe.geometry.attributes;
      position.data.set(POINTS.subarray(3 * state.probe, 3 * state.probe + 3));
      position.needsUpdate = true;
    }
  }

  render() {
    this.table.place();
    this.renderer.render({ scene: this.scene, camera: this.camera });
  }

  // Place in pixels of the canvas, and depth in mm.
  project(points, k) {
    const p = new Vec3(points[3 * k], points[3 * k + 1], points[3 * k + 2]);
    const depth = p.distance(this.camera.position);
    this.camera.project(p);
    return [((p.x + 1) / 2) * this.canvas.clientWidth, ((1 - p.y) / 2) * this.canvas.clientHeight, depth];
  }

  // The electrode, or else the heart's node, at a place of the canvas; what is in front counts.
  pick(x, y, surface) {
    const nearest = (points, ids, pixels, rank) => {
      let best = { score: Infinity, id: null, depth: Infinity };
      for (const id of ids) {
        const [px, py, depth] = this.project(points, id), distance = Math.hypot(px - x, py - y);
        const score = rank(distance, depth);
        if (distance < pixels && score < best.score) best = { score, id, depth };
      }
      return best;
    };
    const node = nearest(POINTS, this.hearts[surface].used, PROBE_PX, (distance, depth) => depth + distance);
    const electrode = nearest(ELECTRODES, DATA.electrodes.keys(), PICK_PX, (distance) => distance);
    if (electrode.id !== null && electrode.depth < node.depth) return { electrode: electrode.id };
    return node.id === null ? {} : { probe: node.id };
  }
}
