// Buttons, slider, keys, legend and words. All of it works without a pointer.
const byId = (id) => document.getElementById(id);
const KEYS = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, 0.15], ArrowDown: [0, -0.15],
  '+': [0, 0, 1.15], '=': [0, 0, 1.15], '-': [0, 0, 1 / 1.15] };
const SPEED = 25; // ms of the beat in a second of play

// A group of radio buttons: browsers move through it with the arrow keys.
function radios(name, entries, change) {
  const box = byId(name);
  entries.forEach(([value, text]) => {
    const label = document.createElement('label'), input = document.createElement('input');
    Object.assign(input, { type: 'radio', name, value });
    input.addEventListener('change', () => change(value));
    label.append(input, text);
    box.append(label);
  });
  return (value) => box.querySelectorAll('input').forEach((input) => (input.checked = input.value === String(value)));
}

class Controls {
  constructor(app) {
    this.app = app;
    const { set } = app, two = DATA.methods.length > 1;
    this.sync = {
      electrode: radios('electrode', DATA.electrodes.map((name, k) => [k, name]), (k) => set({ electrode: Number(k) })),
      show: radios('show', [['activation', 'Activation'], ['field', 'Lead field']], (show) => set({ show })),
      method: radios('method', [...DATA.methods.map((label, m) => [m, label]), ...(two ? [['error', 'Error']] : [])],
        (m) => set({ method: m === 'error' ? m : Number(m), show: 'field' })),
      surface: radios('surface', [['outer', 'Epicardium'], ['endocardium', 'Endocardium']], (surface) => set({ surface, probe: null })),
    };
    DATA.scenarios.forEach((label, k) => byId('scenario').append(new Option(label, k)));
    byId('scenario').addEventListener('change', (e) => set({ scenario: Number(e.target.value) }));
    byId('scenarios').hidden = DATA.scenarios.length < 2;
    for (const name of ['torso', 'arrows', 'whole', 'scar'])
      byId(name).addEventListener('change', (e) => set({ [name]: e.target.checked }));
    byId('scar').parentElement.hidden = !SCAR;
    byId('time').addEventListener('input', (e) => set({ time: Number(e.target.value) }));
    byId('play').addEventListener('click', () => set({ playing: !app.state.playing }));
    document.querySelectorAll('[data-look]').forEach((b) => b.addEventListener('click', () => app.view.look(b.dataset.look)));
    document.querySelectorAll('[data-frame]').forEach((b) => b.addEventListener('click', () => app.view.frame(b.dataset.frame)));
    this.labels = DATA.electrodes.map((name) => {
      const label = document.createElement('span');
      label.textContent = name;
      byId('labels').append(label);
      return label;
    });
    this.scrubbing();
    byId('view').addEventListener('keydown', (event) => this.key(event));
  }

  // The ECG's cursor is drawn along.
  scrubbing() {
    const { app } = this, ecg = byId('ecg');
    const scrub = (e) => {
      if (e.buttons & 1) app.set({ time: app.ecg.timeAt(e.offsetX, app.state), playing: false });
    };
    ecg.addEventListener('pointerdown', (e) => (ecg.setPointerCapture(e.pointerId), scrub(e)));
    ecg.addEventListener('pointermove', scrub);
  }

  key(event) {
    const { app } = this, { state, set, view } = app, { key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const actions = {
      ',': () => set({ time: state.time - 1 }), '.': () => set({ time: state.time + 1 }),
      ' ': () => set({ playing: !state.playing }), Home: () => (view.look('front'), view.frame('heart')),
      a: () => set({ show: 'activation' }), l: () => set({ show: 'field' }),
      d: () => SCAR && set({ scar: !state.scar }),
      e: () => DATA.methods.length > 1 && set({ method: 'error', show: 'field' }),
      f: () => set({ method: 0, show: 'field' }), s: () => DATA.methods.length > 1 && set({ method: 1, show: 'field' }),
      i: () => set({ surface: SURFACES[1 - SURFACES.indexOf(state.surface)], probe: null }),
      Enter: () => set(view.pick(view.canvas.clientWidth / 2, view.canvas.clientHeight / 2, state.surface)),
    };
    if (KEYS[key]) view.table.turn(...KEYS[key]);
    else if (key >= '1' && key <= String(DATA.electrodes.length)) set({ electrode: Number(key) - 1, show: 'field' });
    else if (actions[key]) actions[key]();
    else return;
    event.preventDefault();
  }

  // Brings buttons, legend and words in line with the state.
  update(state, range) {
    Object.entries(this.sync).forEach(([name, choose]) => choose(state[name]));
    for (const name of ['torso', 'arrows', 'whole', 'scar']) byId(name).checked = state[name];
    const slider = byId('time');
    [slider.min, slider.max] = state.window;
    slider.value = state.time;
    slider.setAttribute('aria-valuetext', `${state.time.toFixed(0)} milliseconds`);
    byId('clock').textContent = `${state.time.toFixed(0)} ms`;
    byId('play').textContent = state.playing ? 'Pause' : 'Play';
    this.legend(state, range);
    byId('words').setAttribute('aria-live', state.playing ? 'off' : 'polite');
    byId('words').textContent = words(state);
  }

  legend(state, { map, low, high, title, ticks, above }) {
    const bar = byId('bar'), edges = DATA.band_edges[state.scenario];
    const stops = state.show === 'activation'
      ? edges.slice(1).flatMap((_, k, { length: n }) => [k, k + 1].map((end) => `${cssColour(map, n > 1 ? k / (n - 1) : 0)} ${(100 * end) / n}%`))
      : COLOURS[map].map((_, k, { length: n }) => cssColour(map, k / (n - 1)));
    bar.style.background = `linear-gradient(to right, ${stops.join()})`;
    byId('legend-title').textContent = title;
    byId('ticks').replaceChildren(...ticks.map(([value, text], k) => {
      const tick = document.createElement('span');
      tick.style.left = `${(100 * (value - low)) / (high - low)}%`;
      tick.textContent = above && k === ticks.length - 1 ? `≥ ${text}` : text;
      return tick;
    }));
  }

  place(view, state) {
    this.labels.forEach((label, k) => {
      const [x, y] = view.project(ELECTRODES, k);
      label.style.transform = `translate(${x.toFixed(1)}px, ${y.toFixed(1)}px)`;
      label.className = k === state.electrode ? 'chosen' : '';
    });
  }
}
