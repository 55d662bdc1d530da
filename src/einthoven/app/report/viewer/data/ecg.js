// The 12-lead ECG of all methods on one canvas, with the cursor of the time that is shown.
const LAYOUT = [['I', 'aVR', 'V1', 'V4'], ['II', 'aVL', 'V2', 'V5'], ['III', 'aVF', 'V3', 'V6']];
const GRID_MS = 40, GRID_MV = 0.5;
const TIME = values('time');
const ECG = rowsOf('ecg', 1);
const ALL_LEADS_OF = { RA: ['I', 'II', 'aVR', 'aVL', 'aVF'], LA: ['I', 'III', 'aVR', 'aVL', 'aVF'],
  LL: ['II', 'III', 'aVR', 'aVL', 'aVF'] };

// Leads in which an electrode takes part, apart from Wilson's terminal of V1 to V6.
const leadsOf = (electrode) => ALL_LEADS_OF[electrode] || [electrode];

function trace(method, scenario, lead) {
  const row = (method * DATA.scenarios.length + scenario) * DATA.leads.length;
  return ECG(row + DATA.leads.indexOf(lead));
}

function valueAt(trace, time) {
  const k = Math.min(Math.max(Math.round((time - TIME[0]) / (TIME[1] - TIME[0])), 0), TIME.length - 1);
  return trace[k];
}

class EcgPanel {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d');
    this.limits = DATA.scenarios.map((_, s) => {
      const all = DATA.methods.flatMap((_, m) => DATA.leads.flatMap((lead) => [...trace(m, s, lead)]));
      return [Math.min(...all), Math.max(...all)];
    });
  }

  // Time at a place of the canvas, in pixels of the page.
  timeAt(x, state) {
    const width = this.canvas.clientWidth / LAYOUT[0].length;
    const [first, last] = state.window;
    return first + ((x % width) / width) * (last - first);
  }

  draw(state, theme) {
    const ratio = window.devicePixelRatio || 1, { canvas, pen } = this;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    const own = leadsOf(DATA.electrodes[state.electrode]);
    LAYOUT.forEach((leads, row) => leads.forEach((lead, column) => {
      const box = { x: (column * width) / 4, y: (row * height) / 3, width: width / 4, height: height / 3 };
      this.lead(lead, box, own.includes(lead), state, theme);
    }));
  }

  lead(lead, box, chosen, state, theme) {
    const { pen } = this, [first, last] = state.window, [low, high] = this.limits[state.scenario];
    const x = (time) => box.x + ((time - first) / (last - first)) * box.width;
    const y = (mv) => box.y + 6 + ((high - mv) / (high - low)) * (box.height - 12);
    pen.save();
    pen.beginPath();
    pen.rect(box.x, box.y, box.width - 3, box.height - 3);
    pen.clip();
    if (chosen) {
      pen.fillStyle = theme.chosen;
      pen.fillRect(box.x, box.y, box.width, box.height);
    }
    const line = (colour, width, points) => {
      pen.strokeStyle = colour;
      pen.lineWidth = width;
      pen.beginPath();
      points.forEach(([px, py], k) => (k ? pen.lineTo(px, py) : pen.moveTo(px, py)));
      pen.stroke();
    };
    for (let t = Math.ceil(first / GRID_MS) * GRID_MS; t <= last; t += GRID_MS)
      line(theme.grid, t ? 0.6 : 1.2, [[x(t), box.y], [x(t), box.y + box.height]]);
    for (let mv = Math.ceil(low / GRID_MV) * GRID_MV; mv <= high; mv += GRID_MV)
      line(theme.grid, mv ? 0.6 : 1.2, [[box.x, y(mv)], [box.x + box.width, y(mv)]]);
    DATA.methods.forEach((_, m) => {
      pen.setLineDash(m ? [5, 3] : []);
      const points = [...trace(m, state.scenario, lead)].map((mv, k) => [x(TIME[k]), y(mv)]);
      line(m ? theme.second : theme.ink, 1.5, points);
    });
    pen.setLineDash([]);
    line(theme.cursor, 1.5, [[x(state.time), box.y], [x(state.time), box.y + box.height]]);
    pen.fillStyle = theme.ink;
    pen.font = `${chosen ? 'bold ' : ''}12px sans-serif`;
    pen.fillText(lead, box.x + 4, box.y + 13);
    pen.restore();
  }
}
