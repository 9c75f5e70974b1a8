import { decibels, noiseBetween, powerOf, runOutputs } from "@sartor/onnx";
import * as ort from "onnxruntime-node";
import { type BenchNetwork, samplesOf } from "./quantization-networks.js";
import type { NamedClasses } from "./quantization-pairs.js";
import { printTable } from "./table.js";

/** What one variant computes for all pictures that a network is judged by. */
interface Outputs {
  readonly values: Float32Array;
  readonly classes: readonly number[];
}

/**
 * Measures all variants of a network, `fp32` among them, and prints the table.
 *
 * @param runs timed runs of each
 * @returns the classes that each names
 */
export async function judgeVariants(
  network: BenchNetwork,
  variants: ReadonlyMap<string, Uint8Array>,
  runs: number,
): Promise<NamedClasses[]> {
  const times = await interleavedTimes(network, variants, runs);
  const exact = await outputsOf(network, variants.get("fp32") ?? new Uint8Array());
  const rows: string[][] = [];
  const named: NamedClasses[] = [];
  for (const [name, model] of variants) {
    const got = await outputsOf(network, model);
    const fit = decibels({ signal: powerOf(exact.values), noise: noiseBetween(exact.values, got.values) });
    const time = times.get(name) ?? 0;
    const ratio = time / (times.get("fp32") ?? 1);
    rows.push([
      name,
      network.labels === undefined ? "" : percentEqual(got.classes, network.labels),
      percentEqual(got.classes, exact.classes),
      fit.toFixed(2),
      time.toFixed(3),
      ratio.toFixed(2),
      (model.length / 1e6).toFixed(2),
    ]);
    named.push({ variant: name, classes: got.classes });
  }
  printTable(network.name, ["variant", "accuracy %", "agrees %", "SQNR dB", "ms", "of fp32", "MB"], rows);
  return named;
}

async function outputsOf(network: BenchNetwork, model: Uint8Array): Promise<Outputs> {
  const parts: Float32Array[] = [];
  const classes: number[] = [];
  for await (const { samples, values: logits } of runOutputs(model, samplesOf(network, network.evaluation, 8))) {
    parts.push(logits.slice());
    const length = logits.length / samples;
    for (let sample = 0; sample < samples; sample++) {
      const row = logits.subarray(sample * length, (sample + 1) * length);
      classes.push(row.indexOf(Math.max(...row)));
    }
  }
  const values = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  return { values, classes };
}

/** Median time of a run of batch 1 by variant, ms; every round runs each variant once, so that noise hits all alike. */
async function interleavedTimes(
  network: BenchNetwork,
  variants: ReadonlyMap<string, Uint8Array>,
  runs: number,
): Promise<Map<string, number>> {
  const [feeds = {}] = samplesOf(network, network.evaluation, 1, 1);
  const sessions: { name: string; session: ort.InferenceSession; times: number[] }[] = [];
  for (const [name, model] of variants) {
    const session = await ort.InferenceSession.create(model, {
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      logSeverityLevel: 4,
    });
    sessions.push({ name, session, times: [] });
  }
  const tensors = Object.fromEntries(
    Object.entries(feeds).map(([name, { data, shape }]) => [name, new ort.Tensor("float32", data, [...shape])]),
  );
  for (let round = 0; round < runs; round++) {
    for (const { session, times } of sessions) {
      const start = performance.now();
      await session.run(tensors);
      if (round > 2) times.push(performance.now() - start);
    }
  }
  for (const { session } of sessions) await session.release();
  return new Map(sessions.map(({ name, times }) => [name, times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0]));
}

function percentEqual(a: readonly number[], b: readonly number[]): string {
  const equal = a.filter((value, index) => value === b[index]).length;
  return ((equal / a.length) * 100).toFixed(2);
}
