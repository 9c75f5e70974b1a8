import { Clock } from "../config/index.js";

/** For tests: a clock that stands until it is moved. */
export class SetClock extends Clock {
  /** @param at ms since 1970 */
  constructor(public at: number) {
    super();
  }

  override now(): number {
    return this.at;
  }
}
