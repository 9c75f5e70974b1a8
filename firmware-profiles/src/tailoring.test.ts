import { matchProfile } from "@sartor/shared/domain/hardware";
import { tailoringPlanSchema } from "@sartor/shared/protocol";
import { describe, expect, it } from "vitest";
import { choiceOf, choicesTable, planFor } from "./choices-table.js";
import { EXAMPLE_MODEL } from "./example-model.js";
import { deviceLike, PROFILES, plan, profileOf, ROAD_SIGN } from "./testing/fleet.js";

const kinds = (asked: Parameters<typeof plan>[0]) =>
  plan(asked).candidates.map(({ variant, executionProvider }) => `${variant.kind} on ${executionProvider}`);
const reasonAgainst = (asked: Parameters<typeof plan>[0], kind: string, provider = "cpu") =>
  plan(asked).ruledOut.find((entry) => entry.variant.kind === kind && entry.executionProvider === provider);

describe("the first thing that a device tries, with what comes with the agent", () => {
  it.each([
    ["a Raspberry Pi 3", "raspberry-pi-3", "fp32 on CPU, 4 threads", /Without the dot product/],
    ["a Raspberry Pi 4", "raspberry-pi-4", "fp32 on CPU, 4 threads", /Without the dot product/],
    ["a Raspberry Pi 5", "raspberry-pi-5", "int8 (S8S8, symmetric) on CPU, 4 threads", /SDOT/],
    ["an RK3568 board", "rk3568", "int8 (S8S8, symmetric) on CPU, 4 threads", /Cortex-A55 of this chip knows SDOT/],
    ["an RK3588 board, on its large cores only", "rk3588", "int8 (S8S8, symmetric) on CPU, 4 threads", /SDOT/],
    ["an old ARM board", "arm64-v8-0", "fp32 on CPU, 4 threads", /Without the dot product/],
    ["an ARM server", "arm64-v8-2-dotprod", "int8 (S8S8, symmetric) on CPU, 2 threads", /SDOT/],
    ["an ARM server with matrix products", "arm64-i8mm", "int8 (S8S8, symmetric) on CPU, 2 threads", /SMMLA/],
    ["a PC with AVX2", "x86-64-avx2", "int8 (U8S8, reduced range) on CPU, 6 threads", /cannot saturate/],
    ["a server with AVX512", "x86-64-avx512", "int8 (U8S8, reduced range) on CPU, 6 threads", /cannot saturate/],
    ["a NUC with AVX512-VNNI", "x86-64-avx512-vnni", "int8 (U8S8) on CPU, 4 threads", /VNNI/],
    ["a mini PC with AVX-VNNI", "x86-64-avx-vnni", "int8 (U8S8) on CPU, 4 threads", /VNNI/],
    ["a server with AMX", "x86-64-amx", "int8 (U8S8) on CPU, 4 threads", /AMX/],
    ["a Jetson whose GPU nothing can reach", "jetson-xavier-nx", "fp32 on CPU, 6 threads", /Without the dot product/],
    ["a board that nobody knows", "generic", "fp32 on CPU, 2 threads", /Nothing is known of this processor/],
  ])("%s", (_who, id, choice, reason) => {
    const { candidates } = plan({ inventory: deviceLike(id) });
    expect(choiceOf(candidates[0])).toBe(choice);
    expect(candidates[0]?.reasons[0]).toMatch(reason);
  });

  it.each([
    ["a Jetson Nano", "jetson-nano-4gb", "fp16 on TensorRT"],
    ["a Jetson TX2", "jetson-tx2", "fp16 on TensorRT"],
    ["a Jetson Xavier NX", "jetson-xavier-nx", "fp16 on TensorRT"],
    ["a Jetson AGX Orin", "jetson-agx-orin", "fp16 on TensorRT"],
  ])("%s with Triton starts with %s", (_who, id, choice) => {
    expect(choiceOf(plan({ inventory: deviceLike(id), adapters: ["triton"] }).candidates[0])).toBe(choice);
  });

  it("Maxwell and Pascal Jetsons never get int8 on their GPU, Xavier and Orin compare it with fp16", () => {
    const withTriton = (id: string) => ({ inventory: deviceLike(id), adapters: ["triton"] as const });
    for (const id of ["jetson-nano-4gb", "jetson-tx2"]) {
      expect(reasonAgainst(withTriton(id), "int8-tensorrt", "tensorrt")).toMatchObject({
        code: "never_on_this_device",
      });
    }
    for (const id of ["jetson-xavier-nx", "jetson-agx-xavier", "jetson-orin-nano-8gb", "jetson-orin-nx"]) {
      expect(kinds(withTriton(id)).slice(0, 2)).toEqual(["fp16 on tensorrt", "int8-tensorrt on tensorrt"]);
    }
  });

  it("a large network goes to the graphics card: int8 where it has tensor cores for it, fp16 on Volta, int8 on Pascal", () => {
    const card = { ...ROAD_SIGN, macs: 4_000_000_000 };
    const first = (id: string) =>
      choiceOf(plan({ inventory: deviceLike(id, ["cpu", "cuda", "tensorrt"]), card }).candidates[0]);
    expect(first("nvidia-cc-6-1")).toBe("int8 (TensorRT recipe) on TensorRT");
    expect(first("nvidia-cc-7-0")).toBe("fp16 on TensorRT");
    for (const cc of ["7-5", "8-0", "8-6", "8-9", "9-0"]) {
      expect(first(`nvidia-cc-${cc}`)).toBe("int8 (TensorRT recipe) on TensorRT");
    }
  });

  it("a transformer may use dynamic int8, a convolutional network never does", () => {
    const inventory = deviceLike("x86-64-amx");
    expect(reasonAgainst({ inventory }, "int8-dynamic")).toMatchObject({ code: "not_for_this_model" });
    const transformer = plan({ inventory, card: { ...ROAD_SIGN, family: "transformer" } });
    expect(transformer.candidates.map((candidate) => candidate.variant.kind)).toContain("int8-dynamic");
  });

  it("a network of depthwise convolutions is expected to win less from int8 than a dense one", () => {
    const inventory = deviceLike("x86-64-avx512-vnni");
    const int8 = (family: "convolution" | "depthwise") =>
      plan({ inventory, card: { ...ROAD_SIGN, family } }).candidates.find(
        ({ variant }) => variant.kind === "int8-u8s8",
      );
    const dense = int8("convolution")?.predicted.latencyMs.typical ?? 0;
    expect(int8("depthwise")?.predicted.latencyMs.typical).toBeGreaterThan(dense);
  });
});

describe("an estimate without any measurement", () => {
  const inventory = deviceLike("x86-64-amx");
  const estimated = (macs: number, family: "convolution" | "depthwise", kind: string) =>
    plan({ inventory, card: { ...ROAD_SIGN, macs, family }, policy: { maximumThreads: 1 } }).candidates.find(
      ({ variant }) => variant.kind === kind,
    )?.predicted.latencyMs ?? { low: 0, typical: 0, high: 0 };

  it.each([
    ["the road-sign network in fp32", 38.6e6, "convolution", "fp32", 0.462],
    ["the road-sign network in int8", 38.6e6, "convolution", "int8-u8s8", 0.191],
    ["ResNet18 in fp32", 1.82e9, "convolution", "fp32", 20.0],
    ["ResNet18 in int8", 1.82e9, "convolution", "int8-u8s8", 7.0],
    ["MobileNetV2 in fp32", 0.3e9, "depthwise", "fp32", 5.2],
    ["MobileNetV2 in int8", 0.3e9, "depthwise", "int8-u8s8", 3.2],
  ] as const)(
    "of %s holds what was measured on such a processor, and not by a range that holds anything",
    (_what, macs, family, kind, measuredMs) => {
      const { low, typical, high } = estimated(macs, family, kind);
      expect(measuredMs).toBeGreaterThan(low);
      expect(measuredMs).toBeLessThan(high);
      expect(Math.max(typical / measuredMs, measuredMs / typical)).toBeLessThan(1.6);
    },
  );
});

describe("the same model", () => {
  const first = (id: string) => planFor(profileOf(id), PROFILES, EXAMPLE_MODEL, "all").candidates[0];

  it("gets at least eight different choices from the profiles, each with its reason", () => {
    const choices = new Map(PROFILES.map(({ id }) => [choiceOf(first(id)), first(id)?.reasons[0]]));
    expect(choices.size).toBeGreaterThanOrEqual(8);
    expect([...choices.values()].every((reason) => (reason ?? "").length > 40)).toBe(true);
    const forms = new Set(PROFILES.map(({ id }) => `${first(id)?.variant.kind} on ${first(id)?.executionProvider}`));
    expect([...forms].sort()).toEqual([
      "fp16 on tensorrt",
      "fp32 on cpu",
      "int8-s8s8 on cpu",
      "int8-tensorrt on tensorrt",
      "int8-u8s8 on cpu",
      "int8-u8s8-reduced on cpu",
    ]);
  });

  it("has a row for every profile in the table of the README", () => {
    const rows = choicesTable(PROFILES, EXAMPLE_MODEL).split("\n").slice(2);
    expect(rows).toHaveLength(PROFILES.length);
    expect(rows.every((row) => row.split("|").length === 6 && !row.includes("| none |"))).toBe(true);
  });
});

describe("an operator's policy", () => {
  const inventory = deviceLike("raspberry-pi-5");

  it("that forbids a variant or a provider is held, and the plan says that the policy did it", () => {
    const policy = { forbiddenVariants: ["int8-s8s8" as const] };
    expect(kinds({ inventory, policy })).not.toContain("int8-s8s8 on cpu");
    expect(reasonAgainst({ inventory, policy }, "int8-s8s8")).toMatchObject({
      code: "forbidden_by_policy",
      reason: "The policy forbids int8 (S8S8, symmetric).",
    });
    const none = plan({ inventory, policy: { forbiddenProviders: ["cpu"] } });
    expect(none).toMatchObject({ outcome: "none", candidates: [] });
    expect(none.summary).toMatch(/No candidate holds the policy.*What would help: .*off the forbidden ones/);
  });

  it("on accuracy is held to the sample, and a variant without a measured accuracy is not trusted", () => {
    expect(kinds({ inventory, policy: { maximumAccuracyLoss: 0.0002 } })).toContain("int8-s8s8 on cpu");
    expect(reasonAgainst({ inventory, policy: { maximumAccuracyLoss: 0.0001 } }, "int8-s8s8")).toMatchObject({
      code: "accuracy_too_low",
      reason: "It loses 0.02 points of accuracy against fp32; the policy allows 0.01 points.",
    });
    expect(reasonAgainst({ inventory, policy: { minimumAccuracy: 0.991 } }, "int8-s8s8")?.reason).toMatch(
      /99.09 %.*99.10 %/,
    );
    expect(reasonAgainst({ inventory, policy: { minimumAccuracy: 0.9 }, card: EXAMPLE_MODEL }, "fp32")).toMatchObject({
      code: "accuracy_unknown",
    });
  });

  it("on latency rules out only what cannot hold it even in the best case, and warns of what may miss it", () => {
    const loose = plan({ inventory, policy: { maximumP95Ms: 2 } });
    expect(loose.candidates[0]?.warnings).toContainEqual(expect.stringMatching(/may miss the limit of 2 ms/));
    const tight = plan({ inventory, policy: { maximumP95Ms: 0.05 } });
    expect(tight.outcome).toBe("none");
    expect(tight.summary).toMatch(/most favourable estimate.*allow a higher latency/);
    // What came nearest, not what was looked at first.
    const limits = tight.ruledOut
      .filter(({ code }) => code === "too_slow")
      .map(({ reason }) => Number(/estimate is ([\d.]+) ms/.exec(reason)?.[1]));
    expect(tight.summary).toContain(`most favourable estimate is ${Math.min(...limits)} ms`);
    expect(tight.summary).toMatch(/Nearest was .* on the CPU with \d+ threads?:/);
  });

  it("on memory and on threads is held", () => {
    const policy = { maximumMemoryBytes: 30 * 1024 * 1024 };
    expect(plan({ inventory, policy }).summary).toMatch(/estimated to take 4\d(\.\d)? MiB; the policy allows 30 MiB/);
    const threads = plan({ inventory, policy: { maximumThreads: 2 } }).candidates.map(
      (candidate) => candidate.intraOpThreads,
    );
    expect(Math.max(...threads)).toBe(2);
  });

  it("a model too large for the device is refused by the device's own budget", () => {
    const card = { ...ROAD_SIGN, variants: [{ name: "fp32", kind: "fp32" as const, fileBytes: 400_000_000 }] };
    expect(plan({ inventory: deviceLike("raspberry-pi-3"), card }).summary).toMatch(/a model may have 272 MiB here/);
    expect(plan({ inventory, card }).outcome).toBe("planned");
  });

  it("on power picks the strongest power mode that holds it, and says that the device has to change", () => {
    const orin = deviceLike("jetson-orin-nano-8gb");
    const fifteen = plan({ inventory: orin, policy: { maximumPowerMilliwatts: 15_000 } });
    expect(fifteen.candidates[0]).toMatchObject({
      powerMode: { id: 0, name: "15W" },
      sessionConfig: { "session.intra_op.allow_spinning": "0" },
    });
    expect(fifteen.candidates[0]?.reasons).toContain(
      "Its power mode MAXN_SUPER may draw more than 15 W: it has to change to 15W (nvpmodel -m 0).",
    );
    const agx = plan({ inventory: deviceLike("jetson-agx-orin"), policy: { maximumPowerMilliwatts: 20_000 } });
    expect(agx.candidates[0]?.powerMode?.name).toBe("MODE_15W");
    // That mode runs four of the twelve cores.
    expect(Math.max(...agx.candidates.map(({ intraOpThreads }) => intraOpThreads))).toBe(4);
    expect(agx.candidates[0]?.reasons).toContain("It uses all cores that run in power mode MODE_15W: 4.");
    const five = plan({ inventory: orin, policy: { maximumPowerMilliwatts: 5_000 } });
    expect(five.summary).toMatch(/most frugal known power mode is budgeted at 7 W, above the limit of 5 W/);
    expect(
      plan({ inventory: deviceLike("jetson-agx-xavier"), policy: { maximumPowerMilliwatts: 30_000 } }).candidates[0],
    ).not.toHaveProperty("powerMode");
    expect(plan({ inventory, policy: { maximumPowerMilliwatts: 9_000 } }).candidates[0]?.warnings).toContainEqual(
      expect.stringMatching(/Nothing is known of this device's power/),
    );
  });
});

describe("what the plan tells a person", () => {
  it("of a device whose GPU is out of reach: what to install and what that would bring", () => {
    const asked = { inventory: deviceLike("jetson-orin-nano-8gb") };
    expect(plan(asked).unlocks).toEqual([
      {
        executionProvider: "tensorrt",
        adapter: "triton",
        text: expect.stringMatching(
          /^With NVIDIA Triton for JetPack.*fp16 on TensorRT is expected to take .* instead of .* ms/,
        ),
      },
    ]);
    expect(reasonAgainst(asked, "fp16", "tensorrt")).toMatchObject({ code: "provider_not_installed" });
  });

  it("of a device without a profile: that only what is safe everywhere was considered", () => {
    const { summary, generic, candidates } = plan({ inventory: deviceLike("generic") });
    expect(generic).toBe(true);
    expect(summary).toMatch(/^No firmware profile knows this hardware/);
    expect(candidates.map((candidate) => candidate.variant.kind)).not.toContain("int8-u8s8");
  });

  it("of an emulated device: that it only pretends", () => {
    const inventory = { ...deviceLike("raspberry-pi-5"), emulated: true, emulatedProfile: "raspberry-pi-5" };
    expect(plan({ inventory }).summary).toMatch(/^The device is emulated/);
  });

  it("of a machine whose ONNX Runtime cannot be loaded: that nothing can run, and why", () => {
    const { outcome, summary } = plan({ inventory: deviceLike("x86-64-avx2", []) });
    expect(outcome).toBe("none");
    expect(summary).toMatch(/runtime does not offer it now/);
  });

  it("the traps of the hardware, each once", () => {
    const { notes } = plan({ inventory: deviceLike("rk3588") });
    expect(notes).toContainEqual(expect.stringMatching(/more than four threads wait for the slow ones/));
    expect(notes).toContainEqual(expect.stringMatching(/NPU needs Rockchip's own RKNN runtime/));
    expect(new Set(notes).size).toBe(notes.length);
  });

  it.each(PROFILES.map(({ id }) => [id]))(
    "for a device like that of %s is a valid plan whose fallback is fp32 on the CPU",
    (id) => {
      const result = plan({ inventory: deviceLike(id) });
      expect(tailoringPlanSchema.parse(result)).toEqual(result);
      expect(
        result.candidates.some(
          ({ variant, executionProvider }) => variant.kind === "fp32" && executionProvider === "cpu",
        ),
      ).toBe(true);
      expect(matchProfile(deviceLike(id), PROFILES)?.profile.id).toBe(result.profiles[0]?.id);
    },
  );
});
