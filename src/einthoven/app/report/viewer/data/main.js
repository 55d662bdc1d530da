// State, what follows from it, and the loop that draws when something has changed.
const cached = {};
const LONGEST_STEP = 0.1; // s of play between two frames, so that slow drawing skips nothing

// Of each node: activation time (ms), log10 of Ohm/mm, or degrees.
function shownValues(state) {
  if (state.show === 'activation') return TAU(state.scenario);
  const key = `${state.method}/${state.electrode}`;
  const row = () => (state.method === 'error' ? ANGLE(state.electrode) : MAGNITUDE(state.method * DATA.electrodes.length + state.electrode));
  return (cached[key] = cached[key] || row());
}

// Colour map, its ends and ticks; both methods share those of the magnitude.
function rangeOf(state) {
  if (state.show === 'activation') {
    const edges = DATA.band_edges[state.scenario], stride = Math.ceil(edges.length / 8);
    return { map: 'time', low: edges[0], high: edges[edges.length - 1], title: 'activation time (ms)', ticks: edges.filter((_, k) => k % stride === 0).map((t) => [t, String(t)]) };
  }
  const name = DATA.electrodes[state.electrode];
  if (state.method === 'error') {
    const sorted = Float32Array.from(shownValues(state)).sort();
    const high = Math.max(1, Math.ceil(sorted[Math.floor(0.99 * (sorted.length - 1))]));
    return { map: 'angle', low: 0, high, above: true, title: `angle between ${DATA.methods.join(' and ')}, electrode ${name} (degrees)`, ticks: [0, 0.5, 1].map((s) => [s * high, rounded(s * high)]) };
  }
  const both = DATA.methods.map((_, m) => shownValues({ ...state, method: m }));
  const low = Math.min(...both.map((row) => row.reduce((a, b) => Math.min(a, b))));
  const high = Math.max(...both.map((row) => row.reduce((a, b) => Math.max(a, b))), low + 0.01);
  const ticks = [0, 1 / 3, 2 / 3, 1].map((s) => low + s * (high - low));
  return { map: 'magnitude', low, high, title: `|∇Z| of ${name}, ${DATA.methods[state.method]} (Ω/mm)`, ticks: ticks.map((t) => [t, rounded(10 ** t)]) };
}

function words(state) {
  const tau = TAU(state.scenario), k = state.electrode, name = DATA.electrodes[k];
  const said = [];
  if (state.show === 'activation') {
    const share = tau.reduce((n, t) => n + (t <= state.time), 0) / tau.length;
    said.push(`${DATA.scenarios[state.scenario]}: ${Math.round(100 * share)} % of the heart's surface is activated at ${state.time.toFixed(0)} ms.`);
  } else if (DATA.mean_angle_deg)
    said.push(`${name}: ${DATA.methods[1]} against ${DATA.methods[0]}, mean of all ${DATA.n_cells.toLocaleString('en')} cells of the heart: ${DATA.mean_angle_deg[k].toFixed(2)}° in direction, ${(100 * DATA.mean_magnitude_rel[k]).toFixed(1)} % of the magnitude.`);
  const mv = leadsOf(name).map((lead) => `${lead} ${valueAt(trace(state.method === 1 ? 1 : 0, state.scenario, lead), state.time).toFixed(2)}`);
  said.push(`ECG at ${state.time.toFixed(0)} ms: ${mv.join(', ')} mV.`);
  if (state.probe !== null) {
    const n = DATA.electrodes.length, m = state.method === 1 ? 1 : 0;
    const parts = [`activated at ${tau[state.probe].toFixed(1)} ms`, `|∇Z| ${rounded(10 ** MAGNITUDE(m * n + k)[state.probe])} Ω/mm (${DATA.methods[m]})`];
    if (SCAR) parts.push(`${DATA.substrate}: ${SCAR[state.probe] > 0.95 ? 'core' : SCAR[state.probe] > 0.05 ? 'border zone' : 'not here'}`);
    if (ANGLE) parts.push(`angle ${ANGLE(k)[state.probe].toFixed(1)}°`);
    said.push(`At the mark: ${parts.join(', ')}.`);
  }
  return said.join(' ');
}

const themeOf = () => {
  const style = getComputedStyle(document.documentElement);
  const css = (name) => style.getPropertyValue(`--${name}`).trim();
  const rgb = (name) => css(name).match(/\w\w/g).map((hex) => parseInt(hex, 16) / 255);
  return { ink: css('ink'), second: css('second'), grid: css('grid'), cursor: css('cursor'), chosen: css('chosen'),
    inkRgb: rgb('arrow'), secondRgb: rgb('second'), torso: rgb('torso'), resting: rgb('resting') };
};

class App {
  constructor() {
    this.set = this.set.bind(this);
    this.frame = this.frame.bind(this);
    this.state = { electrode: DATA.electrodes.indexOf('V2'), show: 'activation', method: 0, surface: 'outer', scenario: 0, time: 0, playing: false, probe: null, torso: true, arrows: false, scar: false, whole: false, window: [0, 1] };
    this.frames = 0;
    this.electrodes = ELECTRODES;
    this.view = new View(byId('view'), (x, y) => this.set(this.view.pick(x, y, this.state.surface)));
    this.ecg = new EcgPanel(byId('ecg'));
    this.controls = new Controls(this);
    this.theme = themeOf();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.theme = themeOf();
      this.changed = true;
    });
    new ResizeObserver(() => (this.changed = true)).observe(document.body);
    this.set({ time: Math.round(0.6 * Math.max(...TAU(0))) });
    requestAnimationFrame(this.frame);
  }

  // The only way to change what is shown.
  set(changes) {
    if ('show' in changes && changes.show !== this.state.show) changes = { arrows: changes.show === 'field', ...changes };
    if ('electrode' in changes) changes = { show: 'field', arrows: true, ...changes };
    const state = Object.assign(this.state, changes), last = TAU(state.scenario).reduce((a, b) => Math.max(a, b));
    state.window = [TIME[0], state.whole ? TIME[TIME.length - 1] : Math.min(last + 60, TIME[TIME.length - 1])];
    state.time = Math.min(Math.max(state.time, state.window[0]), state.window[1]);
    this.changed = true;
  }

  draw() {
    const { state, view, theme } = this, range = rangeOf(state);
    view.show(state, range, theme);
    this.ecg.draw(state, theme);
    this.controls.update(state, range);
  }

  frame(now) {
    const { state, view } = this, passed = Math.min((now - (this.last || now)) / 1000, LONGEST_STEP);
    this.last = now;
    if (state.playing) {
      const [first, end] = state.window, next = state.time + SPEED * passed;
      this.set({ time: next > end ? first : next });
    }
    const { target, distance, theta, phi } = view.table, seen = [...target, distance, theta, phi].join();
    const resized = view.resize();
    if (this.changed) this.draw();
    if (this.changed || resized || seen !== this.seen) {
      view.render();
      this.controls.place(view, state);
      this.frames++;
    }
    [this.changed, this.seen] = [false, seen];
    requestAnimationFrame(this.frame);
  }

  // Frames per second of drawing while the heart turns, each waited for.
  measure(n = 30) {
    const { gl } = this.view, pixel = new Uint8Array(4), start = performance.now();
    for (let k = 0; k < n; k++) {
      this.view.table.turn((2 * Math.PI) / n, 0);
      this.view.render();
      gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    }
    return (1000 * n) / (performance.now() - start);
  }
}

try {
  window.einthoven = new App();
} catch (error) {
  const message = byId('failed');
  message.hidden = false;
  message.textContent = `This page draws with WebGL 2, which this browser does not offer (${error.message}). The pictures of the report need none.`;
}
