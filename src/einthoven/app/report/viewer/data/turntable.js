// Turns, moves and zooms the camera about a target: mouse, pen, one or two fingers, wheel.
const POLE = 0.02; // rad; at the poles themselves left and right are not defined
const TAP_PX = 6;

class Turntable {
  constructor(camera, canvas, tap) {
    Object.assign(this, { camera, canvas, tap, target: [0, 0, 0], distance: 1, theta: 0, phi: Math.PI / 2, limits: [60, 4000] });
    this.fingers = new Map();
    canvas.addEventListener('pointerdown', (e) => this.down(e));
    canvas.addEventListener('pointermove', (e) => this.move(e));
    for (const name of ['pointerup', 'pointercancel']) canvas.addEventListener(name, (e) => this.up(e));
    canvas.addEventListener('wheel', (e) => (e.preventDefault(), this.turn(0, 0, Math.exp(-e.deltaY / 800))), { passive: false });
    canvas.addEventListener('contextmenu', (e) => e.preventDefault());
  }

  turn(right, up, nearer = 1) {
    this.theta += right;
    this.phi = Math.min(Math.max(this.phi - up, POLE), Math.PI - POLE);
    this.distance = Math.min(Math.max(this.distance / nearer, this.limits[0]), this.limits[1]);
  }

  // By pixels of the canvas, so that what is at the target stays under the pointer.
  shift(right, down) {
    const scale = (2 * this.distance * Math.tan((this.camera.fov * Math.PI) / 360)) / this.canvas.clientHeight;
    const matrix = this.camera.worldMatrix;
    this.target = this.target.map((x, k) => x - scale * (right * matrix[k] - down * matrix[4 + k]));
  }

  place() {
    const { target, distance, theta, phi, camera } = this;
    const away = [Math.sin(phi) * Math.sin(theta), Math.cos(phi), Math.sin(phi) * Math.cos(theta)];
    camera.position.set(...target.map((x, k) => x + distance * away[k]));
    camera.lookAt(target);
    camera.updateMatrixWorld();
  }

  spread() {
    const [a, b] = [...this.fingers.values()];
    return { gap: Math.hypot(a[0] - b[0], a[1] - b[1]), centre: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.moved = this.fingers.size > 1 ? Infinity : 0;
  }

  move(event) {
    const before = this.fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
    if (!before) return;
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    this.moved += Math.hypot(dx, dy);
    const pinch = this.fingers.size === 2 && this.spread();
    this.fingers.set(event.pointerId, now);
    if (pinch) {
      const { gap, centre } = this.spread();
      this.turn(0, 0, gap / pinch.gap || 1);
      this.shift(centre[0] - pinch.centre[0], centre[1] - pinch.centre[1]);
    } else if (event.shiftKey || event.buttons & 2) this.shift(dx, dy);
    else if (this.moved >= TAP_PX) this.turn((-Math.PI * dx) / this.canvas.clientHeight, (Math.PI * dy) / this.canvas.clientHeight);
  }

  up(event) {
    const known = this.fingers.delete(event.pointerId);
    if (known && event.type === 'pointerup' && this.moved < TAP_PX) this.tap(event.offsetX, event.offsetY);
  }
}
