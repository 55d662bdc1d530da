// GLSL of the heart, the torso, the arrows and the electrodes.
const HEAD = '#version 300 es\nprecision highp float;\n';
const PLACE = `
uniform mat4 modelViewMatrix, projectionMatrix;
uniform mat3 normalMatrix;
`;

const HEART_VERTEX = `${HEAD}${PLACE}
in vec3 position, normal, slope;
in float tau, value, scar;
out vec3 facing, spot, along;
out float level, shown, sick;
void main() {
  facing = normalMatrix * normal;
  spot = position;
  along = slope;
  level = tau - 0.5 * dot(slope, position);
  shown = value;
  sick = scar;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

// Bands of activation time behind the front, or a continuous map; the front itself is a line.
// Times are quadratic within triangles and continuous across sides: the sum over the corners i, by
// their shares, of tau_i + slope_i . (x - x_i) / 2. Lines of times are thin where time is steep.
const HEART_FRAGMENT = `${HEAD}
in vec3 facing, spot, along;
in float level, shown, sick;
uniform sampler2D colours;
uniform float time, banded, layer, low, high, firstBand, lastBand, bandWidth;
uniform vec3 resting;
out vec4 colour;
void main() {
  float light = 0.62 + 0.38 * abs(normalize(facing).z);
  float at = level + 0.5 * dot(along, spot), share = clamp((shown - low) / (high - low), 0.0, 1.0);
  float pixel = length(vec2(dFdx(at), dFdy(at)));
  if (banded > 0.5) {
    float bands = (lastBand - firstBand) / bandWidth;
    float band = min(floor((at - firstBand) / bandWidth), bands - 1.0);
    share = bands > 1.0 ? band / (bands - 1.0) : 0.0;
  }
  vec3 base = texture(colours, vec2(0.5 / 64.0 + share * 63.0 / 64.0, 0.5)).rgb;
  if (banded > 0.5) {
    float edge = abs(fract((at - firstBand) / bandWidth + 0.5) - 0.5) * bandWidth;
    float dense = smoothstep(0.1, 0.25, pixel / bandWidth); // lines closer than some pixels go
    base *= mix(0.45, 1.0, max(dense, smoothstep(0.4 * pixel, 1.3 * pixel, edge)));
    if (at > time) base = resting;
  }
  // core red, border zone orange, over whatever is shown
  if (layer * sick > 0.05) base = mix(base, sick > 0.95 ? vec3(0.64, 0.09, 0.1) : vec3(0.95, 0.65, 0.25), 0.75);
  base *= light;
  pixel = min(pixel, length(vec2(dot(along, dFdx(spot)), dot(along, dFdy(spot)))));
  float front = 1.0 - smoothstep(1.0 * pixel, 2.0 * pixel, abs(at - time));
  float rim = 1.0 - smoothstep(2.0 * pixel, 2.8 * pixel, abs(at - time));
  base = mix(mix(base, vec3(0.0), rim), vec3(1.0), front);
  colour = vec4(base, 1.0);
}`;

const TORSO_VERTEX = `${HEAD}${PLACE}
in vec3 position, normal;
out vec3 facing;
void main() {
  facing = normalMatrix * normal;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
}`;

// Glass: seen where it is looked at along its surface.
const TORSO_FRAGMENT = `${HEAD}
in vec3 facing;
uniform vec3 tint;
out vec4 colour;
void main() {
  float along = 1.0 - abs(normalize(facing).z);
  colour = vec4(tint, 0.08 + 0.35 * along * along);
}`;

// An arrow along +z of length one, turned into the direction at its place. It is outside of the
// surface: away from it, or ending on it.
const ARROW_VERTEX = `${HEAD}${PLACE}
in vec3 position, normal, place, outward, direction;
uniform float size;
out vec3 facing;
void main() {
  vec3 d = normalize(direction);
  vec3 side = normalize(cross(abs(d.y) < 0.9 ? vec3(0, 1, 0) : vec3(1, 0, 0), d));
  mat3 turn = mat3(side, cross(d, side), d);
  vec3 start = place + outward * 0.08 * size - (dot(d, outward) < 0.0 ? d * size : vec3(0));
  facing = normalMatrix * (turn * normal);
  gl_Position = projectionMatrix * modelViewMatrix * vec4(start + turn * position * size, 1.0);
}`;

const PLAIN_FRAGMENT = `${HEAD}
in vec3 facing;
uniform vec3 tint;
out vec4 colour;
void main() { colour = vec4(tint * (0.65 + 0.35 * abs(normalize(facing).z)), 1.0); }`;

const DOT_VERTEX = `${HEAD}${PLACE}
in vec3 position;
in float chosen;
uniform float pixels;
out float own;
void main() {
  own = chosen;
  gl_Position = projectionMatrix * modelViewMatrix * vec4(position, 1.0);
  gl_PointSize = pixels * (1.0 + 0.4 * chosen);
}`;

const DOT_FRAGMENT = `${HEAD}
in float own;
uniform vec3 tint, tintChosen, ring;
out vec4 colour;
void main() {
  float r = length(gl_PointCoord - 0.5);
  if (r > 0.5) discard;
  colour = vec4(r > 0.38 ? ring : mix(tint, tintChosen, own), 1.0);
}`;
