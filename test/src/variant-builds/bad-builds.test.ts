import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type BuildRequest, EditableGraph, ELEMENT, makeTensor, readFloats, shapeOf } from "@sartor/onnx";
import { tensorFrom } from "@sartor/shared/domain/tensor";
import { afterAll, describe, expect, it } from "vitest";
import { drawImages } from "../quantization/networks.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { BuildBench, build, filesOf } from "./building.js";

const bench = new BuildBench();
afterAll(() => bench.remove());

const tiny = buildTinyClassifier();
const images = drawImages(6, 32, 1);
const calibration = bench.samples("good", images, [3, 32, 32]);
const coded = (code: string, words = "") =>
  expect.objectContaining({ name: "SartorError", code, message: expect.stringContaining(words) });

function changed(change: (graph: EditableGraph) => void): Uint8Array {
  const graph = EditableGraph.decode(tiny.onnx);
  change(graph);
  return graph.encode();
}

function withWeight(value: number): Uint8Array {
  return changed((graph) => {
    const tensor = graph.initializer("dense");
    if (tensor === undefined) throw new Error("no weight");
    const values = readFloats(tensor);
    values[3] = value;
    graph.replaceInitializer(makeTensor(tensor.name, ELEMENT.float, shapeOf(tensor), values));
  });
}

const models: readonly (readonly [string, string, Uint8Array])[] = [
  ["a file that was cut off", "SRT_MODEL_NOT_ONNX", tiny.onnx.slice(0, 1000)],
  ["an operator set from the future", "SRT_MODEL_UNSUPPORTED", changed((graph) => graph.setOpset("", 400))],
  [
    "an operator that ONNX Runtime does not have",
    "SRT_MODEL_UNSUPPORTED",
    changed((graph) => {
      const node = graph.nodes.find(({ opType }) => opType === "Relu");
      if (node !== undefined) node.opType = "Telepathy";
    }),
  ],
  ["weights that are not numbers", "SRT_QUANTIZE_NOT_FINITE", withWeight(Number.NaN)],
  ["weights that are infinite", "SRT_QUANTIZE_NOT_FINITE", withWeight(Number.NEGATIVE_INFINITY)],
];

async function expectNothing(request: BuildRequest, code: string, words = ""): Promise<void> {
  const offered: string[] = [];
  const ended = build(request, {
    onEvent: (event) => {
      if (event.type === "made") offered.push(event.variant.name);
    },
  });
  await expect(ended).rejects.toThrow(coded(code, words));
  expect(offered).toEqual([]);
  expect(filesOf(request)).toEqual({});
}

describe("a build of bad input ends with a code and a sentence, and offers nothing", () => {
  it.each(models)("%s", async (_, code, onnx) => {
    await expectNothing(bench.request({ ...tiny, onnx }, { variants: ["fp32", "fp16"] }), code);
  });

  it("a dataset of another shape, without a sample, without labels or not whole", async () => {
    const variants = ["fp32", "int8-u8s8"] as const;
    const wide = bench.samples("wide", images.subarray(0, 3 * 32 * 64), [3, 32, 64]);
    await expectNothing(
      bench.request(tiny, { variants, calibration: wide }),
      "SRT_CALIBRATION_SHAPE",
      "[1, 3, 32, 64]",
    );
    const empty = bench.dataset("empty", [tensorFrom("image", "FP32", [0, 3, 32, 32], new Float32Array(0))]);
    await expectNothing(bench.request(tiny, { variants, calibration: empty }), "SRT_CALIBRATION_EMPTY");
    const cut = bench.samples("cut", images, [3, 32, 32]);
    writeFileSync(cut.path, readFileSync(cut.path).subarray(0, 5000));
    await expectNothing(bench.request(tiny, { variants, calibration: cut }), "SRT_DATASET_INVALID");
  });

  it("an evaluation set without labels, after fp32, which needs none", async () => {
    const request = bench.request(tiny, { variants: ["fp32", "fp16"], evaluation: calibration });
    await expect(build(request)).rejects.toThrow(coded("SRT_DATASET_INVALID", "labels"));
    expect(Object.keys(filesOf(request))).toEqual(["fp32.golden.safetensors", "fp32.onnx"]);
  });

  it("static int8 without calibration: that variant alone is refused", async () => {
    const { made, refused } = await build(bench.request(tiny, { variants: ["int8-u8s8", "fp16"] }));
    expect(refused.get("int8-u8s8")?.code).toBe("SRT_CALIBRATION_EMPTY");
    expect([...made.keys()]).toEqual(["fp16"]);
  });
});

describe("a build within limits", () => {
  const limits = { timeMs: 60_000, memoryBytes: 2 ** 31 };

  it("refuses a model that memory cannot hold before it loads it", async () => {
    const request = bench.request({ ...tiny, onnx: new Uint8Array(60 * 2 ** 20) }, { variants: ["fp32"] });
    await expect(build(request, { limits: { ...limits, memoryBytes: 400 * 2 ** 20 } })).rejects.toThrow(
      coded("SRT_BUILD_MEMORY", "The model has 60 MiB"),
    );
    expect(filesOf(request)).toEqual({});
  });

  it("ends when it takes more memory than it may", async () => {
    const request = bench.request(tiny, { variants: ["fp32", "int8-u8s8"], calibration });
    await expect(build(request, { limits: { ...limits, memoryBytes: 40 * 2 ** 20 } })).rejects.toThrow(
      coded("SRT_BUILD_MEMORY", "40 MiB"),
    );
  });

  it("ends when it takes longer than it may", async () => {
    const request = bench.request(tiny, { variants: ["fp32", "int8-u8s8"], calibration });
    await expect(build(request, { limits: { ...limits, timeMs: 30 } })).rejects.toThrow(coded("SRT_BUILD_TIMED_OUT"));
    expect(Object.keys(filesOf(request)).filter((name) => name.includes("int8"))).toEqual([]);
  });

  it.runIf(process.platform === "linux")("says that it crashed when its process is killed", async () => {
    const request = bench.request(tiny, { variants: ["fp32", "int8-u8s8"], calibration });
    const ended = build(request, {
      onEvent: (event) => {
        if (event.type === "started" && event.name === "int8-u8s8")
          for (const pid of children()) process.kill(pid, "SIGKILL");
      },
    });
    await expect(ended).rejects.toThrow(coded("SRT_BUILD_CRASHED", "SIGKILL"));
    expect(Object.keys(filesOf(request))).toEqual(["fp32.golden.safetensors", "fp32.onnx"]);
  });

  it("throws what its listener throws, and goes no further", async () => {
    const request = bench.request(tiny, { variants: ["fp32", "fp16"] });
    const full = new Error("the disk is full");
    const ended = build(request, {
      onEvent: (event) => {
        if (event.type === "made") throw full;
      },
    });
    await expect(ended).rejects.toBe(full);
    expect(Object.keys(filesOf(request))).toEqual(["fp32.golden.safetensors", "fp32.onnx"]);
  });
});

/** Build workers among the processes that this one started (proc(5), /proc/[pid]/task/[tid]/children). */
function children(): number[] {
  const tasks = readdirSync("/proc/self/task");
  const pids = tasks.flatMap((task) => readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" "));
  return pids
    .filter((pid) => pid !== "" && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("build-worker"))
    .map(Number);
}
