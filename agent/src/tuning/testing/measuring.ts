import type { SartorError } from "@sartor/shared/errors";
import { Measurement } from "../measurement.js";
import type { Incumbent } from "../ports.js";
import { planVerdict } from "../verdict.js";
import { ENVIRONMENT, makeCandidate, makeOrder, QUIET } from "./orders.js";
import { type Behaviour, SimulatedDevice, type Weather } from "./simulated-device.js";

/** One measuring on a simulated device. */
export interface Setup {
  readonly behaviours: Readonly<Record<string, Behaviour>>;
  readonly serves?: Incumbent;
  readonly weather?: Weather;
  readonly seed?: string;
  readonly budget?: Partial<{ seconds: number; maximumCpuShare: number }>;
  readonly failures?: ReadonlyMap<string, SartorError>;
  readonly candidates?: readonly string[];
}

/** Prepares a measuring; run it, then ask what became of it. */
export function prepare({ behaviours, serves, weather, seed = "a", budget, failures = new Map(), candidates }: Setup) {
  const device = new SimulatedDevice(seed, behaviours, weather);
  const order = makeOrder(
    (candidates ?? Object.keys(behaviours)).map((id) => makeCandidate(id)),
    {
      budget: { seconds: 3_600, maximumCpuShare: 0.5, ...budget },
    },
  );
  const progress: number[] = [];
  const measurement = new Measurement(order, serves, failures, {
    loader: device,
    conditions: device,
    clock: device.clock,
    logger: QUIET,
    random: device.random,
    cores: ENVIRONMENT.logicalCores,
    checkpoint: () => undefined,
    onProgress: (share) => progress.push(share),
  });
  const verdict = () =>
    planVerdict({
      incumbent: measurement.finding(),
      candidates: measurement.finalists(),
      rules: order.rules,
      sinceSwitchMs: undefined,
    });
  const resultOf = (id: string) => measurement.results().find(({ candidateId }) => candidateId === id);
  return { device, order, measurement, verdict, resultOf, progress };
}
