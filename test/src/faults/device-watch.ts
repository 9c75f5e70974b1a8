import type { ReportedState } from "@sartor/shared/protocol";
import { waitFor } from "../support/wait-for.js";
import type { FaultRun } from "./fault-run.js";
import { BAD, BUNDLES, type FaultyDevice } from "./faulty-device.js";
import { fallen, footprint, leaked, lookAtActive, lookAtReports, readFloors, readSettings } from "./invariants.js";

/** How far an answer may be from the golden vector. */
const TOLERANCE = 0.001;
const ANSWERS_WITHIN_MS = 15_000;

/** Looks after each fault whether a device keeps its promises; remembers what may not fall. */
export class DeviceWatch {
  readonly #device: FaultyDevice;
  readonly #run: FaultRun;
  #floors: ReadonlyMap<string, number> = new Map();
  #footprint: ReadonlyMap<string, number> | undefined;
  #reportsSeen: number;
  /** The last one that was seen is compared with the next; what came before this began says nothing. */
  #overlap = 0;

  constructor(device: FaultyDevice, run: FaultRun) {
    this.#device = device;
    this.#run = run;
    this.#reportsSeen = device.broker.of("reported").length;
  }

  /** Forgets what may not fall: what kept it was damaged on purpose. */
  forgetFloors(): void {
    this.#floors = new Map();
    this.#reportsSeen = this.#device.broker.of("reported").length;
    this.#overlap = 0;
  }

  /**
   * A device that is down, at whatever point: what is active is whole, nothing fell.
   *
   * @param allowed versions that may be active
   */
  dead(allowed: readonly string[], mayHaveNone = false): void {
    const { folder } = this.#device;
    const { bundleId, violations } = lookAtActive(folder, BUNDLES);
    for (const violation of violations) this.#violated(violation);
    const version = bundleId === undefined ? undefined : BUNDLES.get(bundleId)?.manifest.version;
    if (version === undefined ? !mayHaveNone && violations.length === 0 : !allowed.includes(version))
      this.#violated(`${version ?? "nothing"} is active where ${allowed.join(" or ")} should be`);
    this.#compareFloors();
  }

  /** A device whose deployment has ended: both sides agree, it answers as its bundle does, nothing is left over. */
  async settled(report: ReportedState): Promise<void> {
    const { folder, broker, order } = this.#device;
    const { serving, deployment, slots, ordersRefusal } = report;
    const wanted = BUNDLES.get(serving.bundleId ?? "");
    if (wanted === undefined || wanted === BAD) return this.#violated(`it serves ${serving.bundleId}`);
    if (deployment?.status === "succeeded" && serving.bundleId !== order.bundle.bundleId)
      this.#violated(`the deployment of ${order.bundle.manifest.version} succeeded and ${serving.version} serves`);
    if (slots.active?.bundleId !== serving.bundleId)
      this.#violated(`${slots.active?.version} is active, ${serving.version} serves`);
    if (ordersRefusal !== null) this.#violated(`it refuses its orders: ${ordersRefusal.code}`);
    const answer = await waitFor(
      "an answer",
      async () => {
        const now = await this.#device.ask(wanted);
        return now !== undefined && now.version === wanted.manifest.version && now;
      },
      ANSWERS_WITHIN_MS,
    ).catch(() => undefined);
    if (answer === undefined) this.#violated(`${wanted.manifest.version} does not answer`);
    else if (answer.error > TOLERANCE) this.#violated(`its answer is ${answer.error} away from the golden vector`);
    const active = lookAtActive(folder, BUNDLES);
    for (const violation of active.violations) this.#violated(violation);
    if (active.bundleId !== serving.bundleId)
      this.#violated(`the link names ${active.bundleId}, ${serving.bundleId} serves`);
    const journal = readSettings(folder, this.#device.isRunning).get("deployment") as
      | { committed: { bundleId: string } | null }
      | undefined;
    if (journal?.committed?.bundleId !== serving.bundleId) this.#violated("what serves is not what is committed");
    this.#compareFloors();
    const reports = broker.of("reported") as unknown as ReportedState[];
    const fresh = reports.slice(Math.max(0, this.#reportsSeen - this.#overlap));
    for (const violation of lookAtReports(fresh)) this.#violated(violation);
    this.#reportsSeen = reports.length;
    this.#overlap = 1;
  }

  /**
   * What lies in the state folder beyond what lay there at the first call, in words; both slots have to be filled. A kill may leave something half written:
   * it has to be gone after the next undisturbed deployment.
   */
  leftover(): string[] {
    const now = footprint(this.#device.folder);
    this.#footprint ??= now;
    return leaked(this.#footprint, now);
  }

  #compareFloors(): void {
    const now = readFloors(this.#device.folder, this.#device.isRunning);
    for (const violation of fallen(this.#floors, now)) this.#violated(violation);
    this.#floors = now;
  }

  #violated(what: string): void {
    this.#device.note(`VIOLATION: ${what}`);
    this.#run.violations.push(what);
  }
}
