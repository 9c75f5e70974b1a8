import { SartorError } from "@sartor/shared/errors";
import { Histogram } from "./histogram.js";
import type { TappedTensor } from "./tap-session.js";

/** What is kept of one value over all samples; about 64 KiB. */
export class ActivationStatistics {
  readonly histogram = new Histogram();
  /** Least and greatest value of all. */
  minimum = Number.POSITIVE_INFINITY;
  maximum = Number.NEGATIVE_INFINITY;
  samples = 0;
  #minimumSum = 0;
  #maximumSum = 0;

  constructor(private readonly name: string) {}

  /** Mean over the samples of each sample's least value. */
  get meanMinimum(): number {
    return this.#minimumSum / Math.max(1, this.samples);
  }

  /** Mean over the samples of each sample's greatest value. */
  get meanMaximum(): number {
    return this.#maximumSum / Math.max(1, this.samples);
  }

  /**
   * Takes the value of one run in.
   *
   * @param samples samples that the run held; the value is split where its first dimension is as large
   * @throws SartorError SRT_CALIBRATION_NOT_FINITE
   */
  add(tensor: TappedTensor, samples: number): void {
    const { data } = tensor;
    const parts = tensor.shape[0] === samples && data.length % samples === 0 ? samples : 1;
    const length = data.length / parts;
    let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let part = 0; part < parts; part++) {
      let check = 0;
      let [minimum, maximum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
      for (let index = part * length; index < (part + 1) * length; index++) {
        const value = data[index] as number;
        if (value < minimum) minimum = value;
        if (value > maximum) maximum = value;
        // Stays 0 unless a value is infinite or not a number, which comparisons alone would miss.
        check += value * 0;
      }
      if (check !== 0) throw this.#notFinite();
      this.#minimumSum += minimum;
      this.#maximumSum += maximum;
      this.samples++;
      least = Math.min(least, minimum);
      greatest = Math.max(greatest, maximum);
    }
    if (parts > 0 && length > 0) this.histogram.add(data, least, greatest);
    this.minimum = Math.min(this.minimum, least);
    this.maximum = Math.max(this.maximum, greatest);
  }

  #notFinite(): SartorError {
    const problem = `On a calibration sample the value ${this.name} is infinite or not a number.`;
    return new SartorError("SRT_CALIBRATION_NOT_FINITE", problem, { details: { value: this.name } });
  }
}
