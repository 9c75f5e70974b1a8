import { readdirSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { type BuildRequest, EditableGraph, ELEMENT, makeTensor } from "@sartor/onnx";
import { afterAll, describe, expect, it } from "vitest";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { BuildBench, build } from "./building.js";

const bench = new BuildBench();
afterAll(() => bench.remove());

const tiny = buildTinyClassifier();
const canceled = new Error("the build was canceled");

describe("a build that is ended from outside", () => {
  it("has ended only when its listener has: whoever builds the same next is alone with it", async () => {
    const abort = new AbortController();
    let storing = "not begun";
    const ended = build(bench.request(tiny, { variants: ["fp32", "fp16"] }), {
      signal: abort.signal,
      onEvent: async (event) => {
        if (event.type !== "made") return;
        storing = "begun";
        abort.abort(canceled);
        await pause(300);
        storing = "done";
      },
    });
    await expect(ended).rejects.toBe(canceled);
    expect(storing).toBe("done");
  });

  it("leaves nothing of the model behind, not even where ONNX Runtime was writing", async () => {
    const abort = new AbortController();
    const request = bench.request({ ...tiny, onnx: heavy() }, { variants: ["fp32"] });
    let outcome: unknown;
    const ended = build(request, { signal: abort.signal }).then(
      () => {
        outcome = "made, and no scratch folder was ever seen";
      },
      (error: unknown) => {
        outcome = error;
      },
    );
    while (outcome === undefined && scratchOf(request).length === 0) await pause(2);
    abort.abort(canceled);
    await ended;
    expect(outcome).toBe(canceled);
    expect(readdirSync(request.outputFolder)).toEqual([]);
  });
});

/** The network behind an addition of nothing: a constant of 64 MiB that folding takes its time over. */
function heavy(): Uint8Array {
  const graph = EditableGraph.decode(tiny.onnx);
  graph.addInitializer(makeTensor("heavy", ELEMENT.float, [2 ** 24], new Float32Array(2 ** 24)));
  graph.addNode({ opType: "ReduceMax", inputs: ["heavy"], outputs: ["nothing"] });
  graph.addNode({ opType: "Add", inputs: ["image", "nothing_flat"], outputs: ["image_and_nothing"] });
  graph.addInitializer(makeTensor("no_dimensions", ELEMENT.int64, [0], new BigInt64Array(0)));
  graph.addNode({ opType: "Reshape", inputs: ["nothing", "no_dimensions"], outputs: ["nothing_flat"] });
  const [reader] = graph.consumers("image").filter(({ opType }) => opType !== "Add");
  if (reader === undefined) throw new Error("nothing reads the image");
  graph.rewireInput(reader, "image", "image_and_nothing");
  return graph.encode();
}

/** Folders in which ONNX Runtime works for a build. */
function scratchOf({ outputFolder }: BuildRequest): string[] {
  return readdirSync(outputFolder).filter((name) => name.startsWith("sartor-optimise-"));
}
