import { SartorError } from "@sartor/shared/errors";
import { type CalibrationSource, type TappedTensor, TapSession } from "../calibrate/index.js";
import { elementsOf } from "../graph/index.js";

/** Mean and standard deviation of one value: one of each for each place along axis 1, over all samples and planes. */
export interface ChannelStatistics {
  readonly means: Float64Array;
  readonly deviations: Float64Array;
}

class RunningStatistics {
  #sums = new Float64Array(0);
  #squares = new Float64Array(0);
  #count = 0;

  constructor(private readonly name: string) {}

  /** @throws SartorError SRT_CALIBRATION_NOT_FINITE */
  add({ shape, data }: TappedTensor): void {
    const [samples = 1, channels = 1] = shape;
    const plane = elementsOf(shape.slice(2));
    if (this.#count === 0) [this.#sums, this.#squares] = [new Float64Array(channels), new Float64Array(channels)];
    if (this.#sums.length !== channels) throw new Error(`${this.name} has ${channels} channels, then others`);
    for (let row = 0; row < samples * channels; row++) {
      let [sum, square] = [0, 0];
      for (let at = row * plane; at < (row + 1) * plane; at++) {
        const value = data[at] as number;
        sum += value;
        square += value * value;
      }
      const channel = row % channels;
      this.#sums[channel] = (this.#sums[channel] as number) + sum;
      this.#squares[channel] = (this.#squares[channel] as number) + square;
    }
    if (!this.#squares.every(Number.isFinite)) {
      const problem = `On a calibration sample the value ${this.name} is infinite or not a number.`;
      throw new SartorError("SRT_CALIBRATION_NOT_FINITE", problem, { details: { value: this.name } });
    }
    this.#count += samples * plane;
  }

  get result(): ChannelStatistics {
    const means = this.#sums.map((sum) => sum / this.#count);
    const deviations = this.#squares.map((square, channel) => {
      return Math.sqrt(Math.max(0, square / this.#count - (means[channel] ?? 0) ** 2));
    });
    return { means, deviations };
  }
}

/**
 * Statistics of each channel of values (N x C x ..., or N x C), by the value's name. Reads the source once; memory holds the values of one
 * run and two numbers a channel. (What a calibration keeps is of whole tensors and cannot tell channels apart.)
 *
 * @throws SartorError SRT_CALIBRATION_EMPTY, SRT_CALIBRATION_SHAPE, SRT_CALIBRATION_NOT_FINITE, SRT_MODEL_NOT_ONNX, SRT_MODEL_UNSUPPORTED
 */
export async function channelStatistics(
  model: Uint8Array,
  values: readonly string[],
  source: CalibrationSource,
  signal?: AbortSignal,
): Promise<Map<string, ChannelStatistics>> {
  const running = new Map(values.map((name) => [name, new RunningStatistics(name)]));
  const session = await TapSession.open(model, [...running.keys()]);
  let runs = 0;
  try {
    for await (const feeds of source) {
      signal?.throwIfAborted();
      await session.run(feeds, (name, tensor) => running.get(name)?.add(tensor));
      runs++;
    }
  } finally {
    await session.close();
  }
  if (runs === 0) throw new SartorError("SRT_CALIBRATION_EMPTY", "The calibration set has no sample.");
  return new Map([...running].map(([name, { result }]) => [name, result]));
}
