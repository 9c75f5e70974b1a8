import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { makeDataset } from "@sartor/road-sign";
import { type RolloutSummary, tailoringPlanSchema, variantCardSchema } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { enrol, rest } from "../support/enrolled-device.js";
import { ROAD_SIGN_FOLDER } from "../support/road-sign-model.js";
import { waitFor } from "../support/wait-for.js";

const SARTOR = fileURLToPath(new URL("../../../control-plane/cli/dist/main.js", import.meta.url));
const BUILD_MS = 300_000;

let controlPlane: RunningControlPlane;
const folder = mkdtempSync(join(tmpdir(), "sartor-command-"));

beforeAll(async () => {
  controlPlane = await startControlPlane({ process: true });
});
afterAll(async () => {
  await controlPlane.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** Runs the command as an operator would. */
function sartor(...parameters: string[]): Promise<Ended> {
  const connection = ["--url", controlPlane.httpUrl, "--token", controlPlane.operatorToken];
  return new Promise((resolve) => {
    execFile(process.execPath, [SARTOR, ...connection, ...parameters], (error, output, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : error === null ? 0 : -1, output, errors }),
    );
  });
}

/** The same, for what has to succeed. */
async function succeed(...parameters: string[]): Promise<string> {
  const { code, output, errors } = await sartor(...parameters);
  expect({ code, errors }, parameters.join(" ")).toEqual({ code: 0, errors: "" });
  return output.trim();
}

/** Devices like one that enrolled, by writing them beside it: a thousand enrolments would take most of a minute. */
function multiply(deviceId: string, devices: number): void {
  const database = new DatabaseSync(join(controlPlane.stateDir, "control-plane.sqlite"));
  try {
    database.exec("PRAGMA busy_timeout = 10000");
    const columns = database.prepare("SELECT name FROM pragma_table_info('device')").all();
    const names = columns.map(({ name }) => String(name));
    const copied = names.map(
      (name) => ({ device_id: "device_id || '-' || ?1", name: "'device ' || ?1" })[name] ?? name,
    );
    const copy = database.prepare(
      `INSERT INTO device (${names.join()}) SELECT ${copied.join()} FROM device WHERE device_id = ?2`,
    );
    database.exec("BEGIN IMMEDIATE");
    for (let index = 1; index < devices; index++) copy.run(String(index), deviceId);
    database.exec("COMMIT");
  } finally {
    database.close();
  }
}

describe("the sartor command", () => {
  it(
    "takes a model and its samples, builds a variant and tells what it costs",
    async () => {
      expect(await succeed("model", "push", ROAD_SIGN_FOLDER)).toMatch(/^road-sign 1\.0\.0 sha256:/);
      for (const [purpose, samples] of [
        ["evaluation", 430],
        ["calibration", 86],
      ] as const) {
        const file = join(folder, `${purpose}.safetensors`);
        await makeDataset({ purpose, samples, seed: 3, out: file });
        const id = await succeed("model", "dataset", "add", "road-sign", file, "--purpose", purpose, "--name", purpose);
        expect(await succeed("model", "dataset", "list", "road-sign")).toMatch(
          new RegExp(`^${id} +${purpose} +${purpose} +${samples} +43 `, "m"),
        );
      }
      const watched = await succeed("model", "build", "road-sign", "1.0.0", "--variants", "int8-u8s8", "--watch");
      expect(watched).toMatch(/^int8-u8s8 +succeeded/m);
      expect(watched).toMatch(/^succeeded$/m);
      expect(await succeed("model", "builds", "road-sign", "1.0.0")).toMatch(/ succeeded +- +int8-u8s8 /);
      expect(await succeed("model", "list")).toMatch(/road-sign +1\.0\.0 .*int8-u8s8/);
      const card = await succeed("model", "card", "road-sign", "1.0.0", "int8-u8s8");
      expect(card).toMatch(/accuracy +\d+\.\d\d % of 430 samples of 'evaluation'; fp32 \d+\.\d\d %/);
      expect(card).toMatch(/calibration +\S+ on 86 samples of 'calibration'/);
      const json = await succeed("model", "card", "road-sign", "1.0.0", "int8-u8s8", "--json");
      expect(variantCardSchema.parse(JSON.parse(json)).name).toBe("int8-u8s8");
    },
    BUILD_MS,
  );

  it("says what a kind of hardware would get and why, and holds the policy that is given", async () => {
    expect(await succeed("profiles")).toMatch(/^jetson-agx-orin +/m);
    const plan = await succeed("plan", "road-sign", "1.0.0", "--profile", "jetson-agx-orin");
    expect(plan).toMatch(/^1\. \S+ on cpu, \d+ threads?:\n +[\d.]+ ms estimated/m);
    expect(plan).toContain("Another runtime would open up");
    const limited = [
      "--profile",
      "x86-64-avx512-vnni",
      "--max-threads",
      "1",
      "--forbid-variant",
      "int8-u8s8",
      "--json",
    ];
    const answer = tailoringPlanSchema.parse(JSON.parse(await succeed("plan", "road-sign", "1.0.0", ...limited)));
    expect(answer.policy).toMatchObject({ maximumThreads: 1, forbiddenVariants: ["int8-u8s8"] });
    expect(answer.candidates.length).toBeGreaterThan(0);
    for (const { variant, intraOpThreads } of answer.candidates) {
      expect({ kind: variant.kind, intraOpThreads }).toEqual({ kind: "fp32", intraOpThreads: 1 });
    }
  });

  it("puts devices into groups, and says for which groups somebody is", async () => {
    const { deviceId } = await enrol(controlPlane, "Gate 7");
    expect(await succeed("device", "move", deviceId, "plant-1")).toBe(`${deviceId} is in plant-1`);
    expect(await succeed("device", "groups")).toMatch(/^plant-1 +1$/m);
    expect(await succeed("device", "list", "--group", "plant-1")).toMatch(
      new RegExp(`^${deviceId} +Gate 7 +plant-1 `, "m"),
    );
    expect(await succeed("device", "list", "--group", "plant-2")).not.toContain(deviceId);
    process.env.SARTOR_PASSWORD = "heron kettle violin";
    expect(await succeed("users", "add", "ann", "operator", "--group", "plant-1", "plant-2")).toMatch(
      /^ann +operator +plant-1 plant-2 /m,
    );
    expect(await succeed("users", "groups", "ann", "--all")).toMatch(/^ann +operator +all /m);
    expect(await sartor("users", "groups", "ann")).toMatchObject({ code: 1, errors: expect.stringContaining("--all") });
    const made = await sartor("tokens", "create", "script", "--group", "plant-2");
    expect(made.code).toBe(0);
    expect((await sartor("--token", made.output.trim(), "whoami")).output).toMatch(/viewer, devices of plant-2, until/);
    const unknown = await sartor("--token", made.output.trim(), "device", "show", deviceId);
    expect(unknown.errors).toContain("SRT_DEVICE_UNKNOWN");
    await rest(controlPlane, "DELETE", `/api/v1/devices/${deviceId}`);
  });

  it("refuses in a sentence with a code, and exit code 1", async () => {
    const refusals = [
      [["plan", "road-sign", "1.0.0"], "SRT_INVALID_REQUEST"],
      [["plan", "road-sign", "1.0.0", "--profile", "toaster"], "SRT_PROFILE_UNKNOWN"],
      [["plan", "road-sign", "9.9.9", "--profile", "generic"], "SRT_MODEL_UNKNOWN"],
      [["device", "tune", "no-such-device", "road-sign", "1.0.0"], "SRT_DEVICE_UNKNOWN"],
    ] as const;
    for (const [parameters, code] of refusals) {
      const { code: exit, errors } = await sartor(...parameters);
      expect({ exit, errors }).toEqual({
        exit: 1,
        errors: expect.stringMatching(new RegExp(`^sartor: .+ \\[${code}\\]\n$`)),
      });
    }
    expect(
      (await sartor("plan", "road-sign", "1.0.0", "--profile", "generic", "--min-accuracy", "150%")).errors,
    ).toContain("expected a share from 0 to 1");
  });

  it("forgets a dataset", async () => {
    const list = await succeed("model", "dataset", "list", "road-sign");
    const id = /^(\S+) +calibration /m.exec(list)?.[1] ?? "";
    expect(await succeed("model", "dataset", "remove", "road-sign", id)).toBe("removed");
    expect(await succeed("model", "dataset", "list", "road-sign")).not.toContain(id);
  });

  it("shows every device of a rollout, not only the first thousand", async () => {
    const devices = 1_003;
    const { deviceId } = await enrol(controlPlane, "device 0");
    multiply(deviceId, devices);
    const rolloutId = await succeed("rollout", "start", "road-sign", "1.0.0", "--variant", "fp32", "--tune", "never");
    // The executor decides device by device.
    await waitFor("every device to be decided", async () => {
      const { body } = await rest<RolloutSummary>(controlPlane, "GET", `/api/v1/rollouts/${rolloutId}`);
      return Object.values(body.counts).reduce((sum, count) => sum + count, 0) === devices;
    });
    const lines = (await succeed("rollout", "show", rolloutId)).split("\n");
    expect(lines).toHaveLength(1 + devices);
    expect(new Set(lines.slice(1).map((line) => /^(device \d+) /.exec(line)?.[1])).size).toBe(devices);
    expect(await succeed("rollout", "cancel", rolloutId)).not.toBe("");
  }, 120_000);
});
