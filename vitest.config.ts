import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["{shared,firmware-profiles,agent,control-plane,workloads}/**/src/**/*.test.{ts,tsx}"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          maxWorkers: 2,
        },
      },
      {
        test: {
          name: "e2e",
          include: ["test/src/**/*.test.ts"],
          exclude: ["**/node_modules/**", "**/dist/**"],
          maxWorkers: 1,
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
