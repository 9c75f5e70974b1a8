import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const root = import.meta.dirname;
const exclude = ["**/node_modules/**", "**/dist/**"];

/** What is done to Sartor by others, and by bad luck. */
const HOSTILE = ["test/src/{attacks,faults}/**/*.test.ts"];

/**
 * Three files at a time, on two cores as on more: most of their time they wait for each other's programs. Deadlines are wide, for they
 * promise nothing: they only end what hangs.
 */
const WHOLE_PROGRAMS = { isolate: false, maxWorkers: 3, testTimeout: 120_000, hookTimeout: 120_000 };

/** The longest files of the end-to-end tests, longest first: begun last, one alone would make the others' worker wait. */
const LONGEST = [
  "end-to-end/demo",
  "attacks/stolen-keys",
  "attacks/signed-metadata",
  "dashboard/dashboard",
  "agent-orders/orders",
  "faults/kill",
  "faults/network",
  "faults/supervisor-kill",
  "attacks/slow-retrieval",
  "faults/state-faults",
  "faults/messages",
  "site-cache/site-cache",
  "attacks/endless-data",
  "identity/renewal",
  "end-to-end/survives-kill",
  "agent-deltas/updates",
  "control-plane-deltas/keeping",
  "agent-tuning/tuning",
  "control-plane/broker",
  "control-plane/external-broker",
  "dashboard/people",
  "control-plane-builds/survives",
  "dashboard/tailoring",
  "end-to-end/survives-outage",
  "variant-builds/builds",
  "control-plane-models/rollouts",
  "end-to-end/command",
  "end-to-end/road-sign",
  "quantization/recipes",
  "pruning/pruning",
].map((name) => `${root}/test/src/${name}.test.ts`);

/** Longest files first; a run on a fresh checkout has no durations of its own to go by. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const place = LONGEST.indexOf(moduleId);
      return place < 0 ? LONGEST.length : place;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        // Unit tests read the sources of the packages, not their builds, so that they need no build and never see an old one.
        resolve: {
          alias: [
            { find: /^@sartor\/shared\/(errors|protocol)$/, replacement: `${root}/shared/src/$1/index.ts` },
            { find: /^@sartor\/shared\/domain\/([a-z-]+)$/, replacement: `${root}/shared/src/domain/$1/index.ts` },
            { find: /^@sartor\/onnx$/, replacement: `${root}/control-plane/onnx/src/index.ts` },
            { find: /^@sartor\/firmware-profiles$/, replacement: `${root}/firmware-profiles/src/index.ts` },
          ],
        },
        test: {
          name: "unit",
          include: [
            "{shared,firmware-profiles,agent,control-plane,workloads}/**/src/**/*.test.{ts,tsx}",
            "control-plane/cli/bootstrap/*.test.mjs",
          ],
          exclude,
          // One process a worker: no unit keeps state of its own in a module, and loading the modules anew took longer than the tests.
          isolate: false,
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        // Programs as they are shipped, from dist/.
        test: { ...WHOLE_PROGRAMS, name: "e2e", include: ["test/src/**/*.test.ts"], exclude: [...exclude, ...HOSTILE] },
      },
      {
        // Attacks and injected faults on the same programs: longer than an `npm test` may take, and a command of their own.
        test: { ...WHOLE_PROGRAMS, name: "hostile", include: HOSTILE, exclude },
      },
    ],
  },
});
