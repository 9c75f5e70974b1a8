import { defineConfig } from "vitest/config";

const root = import.meta.dirname;
const exclude = ["**/node_modules/**", "**/dist/**"];

export default defineConfig({
  test: {
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
          maxWorkers: 2,
          testTimeout: 30_000,
        },
      },
      {
        // Programs as they are shipped, from dist/. One file at a time: they start processes, and two cores are all there may be.
        test: {
          name: "e2e",
          include: ["test/src/**/*.test.ts"],
          exclude,
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
