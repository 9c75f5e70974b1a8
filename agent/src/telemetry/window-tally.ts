import { DdSketch } from "@sartor/shared/domain/sketch";
import type { TelemetryWindow } from "@sartor/shared/protocol";
import type { Observation } from "./observation.js";

/** Most classes counted in one window: about 60 kB of JSON, well inside one MQTT packet. */
const MAXIMUM_CLASSES = 4_096;
/** Most error codes told apart in one window. */
const MAXIMUM_CODES = 64;
const RELATIVE_ACCURACY = 0.01;

/** Counts and sketches of one window, in bounded memory. */
export class WindowTally {
  #count = 0;
  readonly #errors = new Map<string, number>();
  readonly #classes = new Map<number, number>();
  readonly #latency = newSketch();
  readonly #run = newSketch();
  readonly #topProbability = newSketch();
  readonly #entropy = newSketch();

  /** True when one more observation might not fit: the window must be closed first. */
  get full(): boolean {
    return this.#classes.size >= MAXIMUM_CLASSES || this.#errors.size >= MAXIMUM_CODES;
  }

  /** Nothing was observed. */
  get empty(): boolean {
    return this.#count === 0 && this.#errors.size === 0;
  }

  /** Takes one request; failures count by their code and leave the distributions alone, which speak of answers. */
  add(observation: Observation): void {
    const { errorCode, classIndex } = observation;
    if (errorCode !== undefined) {
      const code = errorCode.slice(0, 64);
      this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
      return;
    }
    this.#count += 1;
    this.#latency.add(observation.latencyMs);
    if (observation.runMs !== undefined) this.#run.add(observation.runMs);
    if (observation.topProbability !== undefined) this.#topProbability.add(observation.topProbability);
    if (observation.entropy !== undefined) this.#entropy.add(observation.entropy);
    if (classIndex !== undefined && Number.isInteger(classIndex) && classIndex >= 0 && classIndex < 1_000_000) {
      this.#classes.set(classIndex, (this.#classes.get(classIndex) ?? 0) + 1);
    }
  }

  /** The form that travels; sketches and counts that nothing went into are left out. */
  toMessage(): TelemetryWindow["inference"] {
    return {
      count: this.#count,
      errors: Object.fromEntries(this.#errors),
      ...sketchPart("latencyMs", this.#latency),
      ...sketchPart("runMs", this.#run),
      ...(this.#classes.size === 0 ? {} : { classCounts: Object.fromEntries(this.#classes) }),
      ...sketchPart("topProbability", this.#topProbability),
      ...sketchPart("entropy", this.#entropy),
    };
  }
}

function newSketch(): DdSketch {
  return new DdSketch({ relativeAccuracy: RELATIVE_ACCURACY });
}

function sketchPart(name: "latencyMs" | "runMs" | "topProbability" | "entropy", sketch: DdSketch) {
  return sketch.count === 0 ? {} : { [name]: sketch.toMessage() };
}
