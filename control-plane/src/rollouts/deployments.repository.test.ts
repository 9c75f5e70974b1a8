import type { ReportedState } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import type { DeviceChoice } from "./deployment-rows.js";
import { type ChangedDeployment, DeploymentsRepository } from "./deployments.repository.js";
import { DesiredStatesRepository } from "./desired-states.repository.js";
import type { DeviceDeploymentTable } from "./rollouts.tables.js";
import { ToldDatabase } from "./told-database.repository.js";

const row = (id: string, changes: Partial<DeviceDeploymentTable> = {}): DeviceDeploymentTable => ({
  deployment_id: id,
  rollout_id: "r1",
  device_id: `device-${id}`,
  wave: 1,
  bundle_id: "b",
  status: "in_progress",
  step: "downloading",
  progress: null,
  error: null,
  report_sequence: 1,
  report_boot_id: "boot",
  queued_at: 0,
  updated_at: 0,
  deadline_at: 0,
  runtime: null,
  tailoring: null,
  tune: null,
  ...changes,
});

const report = (row: DeviceDeploymentTable, sequence: number, status: "failed" | "in_progress") =>
  ({
    deviceId: row.device_id,
    sequence,
    agent: { bootId: "boot" },
    slots: { active: null },
    serving: { state: "none" },
    deployment: { deploymentId: row.deployment_id, bundleId: "b", status, step: "probing" },
  }) as unknown as ReportedState;

const [one, two, three] = [row("1"), row("2"), row("3")];
const wave = { rolloutId: "r2", wave: 1, now: 1, deadlineAt: 2, newId: () => "new" };
const choice = (deviceId: string, bundleId: string | null = "b"): DeviceChoice => ({
  deviceId,
  bundleId,
  runtime: null,
  tailoring: null,
  error: bundleId === null ? { code: "SRT_TAILORING_NO_VARIANT", message: "nothing fits" } : null,
  tune: false,
});

/** What each kind of transaction tells PostgreSQL. */
const TRANSACTIONS: [string, (repository: DeploymentsRepository, database: ToldDatabase) => Promise<unknown>][] = [
  [
    "the start of a wave",
    (repository) => repository.start(wave, [choice("device-3"), choice("device-1"), choice("device-2")]),
  ],
  ["a deadline", (repository) => repository.applyToAll(["3", "1", "2"], { type: "deadline_passed" }, 1)],
  [
    "a batch of reports",
    (repository, database) =>
      database.transaction((db) =>
        repository.applyReports(
          db,
          [report(three, 2, "failed"), report(one, 2, "failed"), report(two, 2, "failed")],
          1,
        ),
      ),
  ],
];

describe("transactions on deployments", () => {
  it.each(TRANSACTIONS)(
    "of %s lock what they change in one order, so that none waits in a circle",
    async (_what, run) => {
      const database = new ToldDatabase({ device_deployment: [one, two, three] });
      await run(new DeploymentsRepository(database as never), database);
      const selects = database.on("device_deployment").filter((sql) => sql.startsWith("select"));
      expect(selects).toHaveLength(1);
      expect(selects[0]).toMatch(/order by "deployment_id" for update$/);
      // Marks come after every deployment, in their own order, and hold those that stand already.
      expect(database.marked()).toEqual(["device-1", "device-2", "device-3"]);
      const last = database.told.at(-1)?.sql;
      expect(last).toMatch(/^insert into "device_to_plan" .* on conflict \("device_id"\) do update set/);
    },
  );

  it("of a wave leave a device alone for which nothing fits: it goes on with what it was told before", async () => {
    const database = new ToldDatabase({ device_deployment: [one] });
    const repository = new DeploymentsRepository(database as never);
    await repository.start(wave, [choice("device-1", null)]);
    const [insert, ...rest] = database.on("device_deployment");
    expect(insert).toMatch(/^insert/);
    expect(database.told[0]?.values).toEqual(expect.arrayContaining(["rejected"]));
    expect([rest, database.marked()]).toEqual([[], []]);
  });

  it("that PostgreSQL ends for another's sake are run again", async () => {
    const database = new ToldDatabase({ device_deployment: [one] }, 2);
    const repository = new DeploymentsRepository(database as never);
    const changed = await repository.applyToAll(["1"], { type: "deadline_passed" }, 1);
    expect(changed).toMatchObject([{ deploymentId: "1", status: "timed_out" }]);
  });

  it("that go on being ended fail in the end", async () => {
    const always = new DeploymentsRepository(new ToldDatabase({ device_deployment: [one] }, 1_000) as never);
    await expect(always.applyToAll(["1"], { type: "deadline_passed" }, 1)).rejects.toThrow("deadlock");
  });

  it("apply two reports of one deployment to each other's outcome, and number the changes in their order", async () => {
    const database = new ToldDatabase({ device_deployment: [one, two] });
    const repository = new DeploymentsRepository(database as never);
    const reports = [report(one, 2, "in_progress"), report(two, 2, "in_progress"), report(one, 3, "failed")];
    const changed = await database.transaction((db) =>
      repository.applyReports(db, [...reports, report(one, 4, "in_progress")], 1),
    );
    expect(changed.map((each) => each?.status)).toEqual(["in_progress", "in_progress", "failed", undefined]);
    const revisions = changed.filter((each): each is ChangedDeployment => each !== undefined).map((c) => c.revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
    expect(new Set(revisions).size).toBe(3);
  });

  it("take the marks of devices to plan away before they look at their deployments, so that no change is missed", async () => {
    const database = new ToldDatabase({ device_deployment: [] });
    await new DesiredStatesRepository(database as never).plan(["device-2", "device-1"], {
      now: 1,
      windowSeconds: 10,
      bundleOf: () => undefined,
      bundleOfVariant: () => undefined,
    });
    const order = database.told.map(({ sql }) => /"(device_to_plan|device_deployment|desired_state)"/.exec(sql)?.[1]);
    expect(order.indexOf("device_deployment")).toBeGreaterThan(order.lastIndexOf("device_to_plan"));
    expect(database.on("device_to_plan")[0]).toMatch(/order by device_id collate "C" for update$/);
    expect(database.on("device_to_plan")[1]).toMatch(/^delete/);
  });
});
