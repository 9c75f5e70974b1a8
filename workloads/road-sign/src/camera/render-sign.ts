import { SartorError } from "@sartor/shared/errors";
import { BACKGROUNDS, type Background, paintBackground, paintPlate, paintPole } from "./background.js";
import { addBlockArtefacts } from "./block-artefacts.js";
import { createCanvas, toBytes } from "./canvas.js";
import type { Drawings } from "./drawings.js";
import { addSensorNoise, blurDefocus, blurMotion } from "./focus.js";
import { addGlare, applyLight, castShadow, type Light } from "./light.js";
import { occlude } from "./occlusion.js";
import { type Pose, placeSign } from "./place-sign.js";
import { createRandom, type Random } from "./random.js";
import { applyWeather, type Weather } from "./weather.js";

/** A change of the scene that lasts, as a device meets it in the field. */
export const SHIFTS = ["night", "fog", "blur"] as const;
export type Shift = (typeof SHIFTS)[number];

/** What to render. The same options give the same pixels on every machine. */
export interface RenderOptions {
  /** An integer from 0 to 2^53 - 1. */
  readonly seed: number;
  /** Class of GTSRB, 0 to 42. */
  readonly classId: number;
  /** Pixels a side, 16 to 256. */
  readonly size: number;
  /** 0 (a clear day, close and sharp) to 1 (all that can go wrong); 0.5 unless told. */
  readonly severity?: number;
  /** Forces a condition upon every frame. */
  readonly shift?: Shift;
}

/** What was drawn for a frame, for statistics. */
export interface Conditions {
  readonly background: Background;
  readonly light: Light;
  readonly weather: Weather;
  /** Standard deviation of the defocus, pixels. */
  readonly defocus: number;
  /** Length of the motion, pixels. */
  readonly motion: number;
  readonly occluded: boolean;
}

/** A finished frame: bytes red, green, blue a pixel, row by row. */
export interface RenderedSign {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  readonly classId: number;
  readonly conditions: Conditions;
}

/**
 * Renders a picture that shows one sign, with a border of about a tenth as in GTSRB.
 *
 * The order is that of the light's way: background, pole, sign, what hangs before it, air, sun, lens, sensor, codec.
 *
 * @throws SartorError SRT_INVALID_REQUEST for an option outside its range
 */
export function renderSign(drawings: Drawings, options: RenderOptions): RenderedSign {
  const { classId, size, shift } = options;
  const severity = options.severity ?? 0.5;
  requireOptions(drawings, options, severity);
  const random = createRandom(options.seed);
  const canvas = createCanvas(size);
  const conditions = drawConditions(random, size, severity, shift);
  paintBackground(canvas, random, conditions.background);
  if (random.chance(0.5)) paintPole(canvas, random);
  if (random.chance(0.12)) paintPlate(canvas, random);
  const wear = { fading: random.next() ** 2 * (0.2 + severity), dirt: random.next() ** 2 * (0.2 + severity) };
  placeSign(canvas, random, random.pick(drawings[classId]), drawPose(random, severity), wear);
  if (random.chance(0.3 * severity)) castShadow(canvas, random);
  if (conditions.occluded) occlude(canvas, random);
  applyWeather(canvas, random, conditions.weather, severity);
  applyLight(canvas, random, conditions.light, severity);
  if (random.chance(0.12 * severity)) addGlare(canvas, random, severity);
  blurMotion(canvas, random, conditions.motion);
  blurDefocus(canvas, conditions.defocus);
  const noisy = conditions.light === "night" || conditions.light === "dusk";
  addSensorNoise(canvas, random, random.between(0.002, 0.01) + random.next() ** 2 * severity * (noisy ? 0.05 : 0.035));
  if (random.chance(0.4)) addBlockArtefacts(canvas, random.between(0.005, 0.02 + 0.03 * severity));
  return { width: size, height: size, rgb: toBytes(canvas), classId, conditions };
}

function requireOptions(drawings: Drawings, options: RenderOptions, severity: number): void {
  const fault = (message: string): SartorError => new SartorError("SRT_INVALID_REQUEST", message);
  const { classId, seed, size } = options;
  if (!Number.isSafeInteger(seed) || seed < 0) throw fault(`seed must be an integer from 0 on, not ${seed}.`);
  if (!Number.isInteger(classId) || classId < 0 || classId >= drawings.length) {
    throw fault(`classId must be 0 to ${drawings.length - 1}, not ${classId}.`);
  }
  if (!Number.isInteger(size) || size < 16 || size > 256) throw fault(`size must be 16 to 256 pixels, not ${size}.`);
  if (!(severity >= 0 && severity <= 1)) throw fault(`severity must be 0 to 1, not ${severity}.`);
}

const DAYLIGHT_IN_WEATHER: Light = "overcast";

function drawConditions(random: Random, size: number, severity: number, shift: Shift | undefined): Conditions {
  // Blur is drawn as a share of the frame, so that small and large frames lose the same detail.
  const blurred = random.chance(0.5) ? random.next() ** 2 * 0.05 * severity : 0;
  const moved = random.chance(0.3) ? random.between(0.03, 0.05 + 0.08 * severity) : 0;
  const background = random.pick(BACKGROUNDS);
  const weather = drawWeather(random, severity);
  const light = drawLight(random, severity);
  return {
    background,
    weather: shift === "fog" ? "fog" : weather,
    // Bad weather and bad light together leave little to see: such frames come only when a shift is asked for.
    light: shift === "night" ? "night" : weather === "clear" && shift !== "fog" ? light : DAYLIGHT_IN_WEATHER,
    defocus: size * (shift === "blur" ? random.between(0.035, 0.055) : moved > 0 ? 0 : blurred),
    motion: size * (shift === "blur" ? random.between(0.1, 0.2) : moved),
    occluded: random.chance(0.2 * severity),
  };
}

function drawLight(random: Random, severity: number): Light {
  const draw = random.next();
  const hard = 0.25 + 0.75 * severity;
  if (draw < 0.12 * hard) return "night";
  if (draw < 0.25 * hard) return "dusk";
  if (draw < 0.42 * hard) return "backlight";
  if (draw < 0.65 * hard) return "overcast";
  return "day";
}

function drawWeather(random: Random, severity: number): Weather {
  const draw = random.next();
  if (draw < 0.12 * severity) return "fog";
  if (draw < 0.24 * severity) return "rain";
  if (draw < 0.34 * severity) return "snow";
  return "clear";
}

function drawPose(random: Random, severity: number): Pose {
  const turn = 0.3 + 0.7 * severity;
  return {
    scale: random.between(0.68, 0.9),
    x: 0.5 + random.between(-0.06, 0.06),
    y: 0.5 + random.between(-0.06, 0.06),
    rotation: random.normal() * 0.09 * turn,
    stretch: 1 - random.next() ** 2 * 0.25 * turn,
    tiltX: random.between(-0.5, 0.5) * turn,
    tiltY: random.between(-0.3, 0.3) * turn,
  };
}
