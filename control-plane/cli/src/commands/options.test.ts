import { tailoringPolicySchema } from "@sartor/shared/protocol";
import { Command } from "commander";
import { describe, expect, it } from "vitest";
import { addPolicyOptions, parsePositive, parseShare, parseWhole, policyOf } from "./options.js";

const policyFrom = (...given: string[]) =>
  policyOf(addPolicyOptions(new Command().exitOverride()).parse(given, { from: "user" }).opts());

describe("options of a policy", () => {
  it("ask for nothing when none is given", () => {
    expect(policyFrom()).toEqual({});
  });

  it("are read in people's units and told in the protocol's", () => {
    const policy = policyFrom(
      ...["--max-p95", "2.5", "--min-accuracy", "98.5%", "--max-accuracy-loss", "0.005", "--max-memory", "64"],
      ...["--max-power", "7.5", "--max-threads", "2", "--forbid-variant", "fp16", "int8-dynamic"],
      ...["--forbid-provider", "cuda"],
    );
    expect(tailoringPolicySchema.parse(policy)).toEqual({
      maximumP95Ms: 2.5,
      minimumAccuracy: 0.985,
      maximumAccuracyLoss: 0.005,
      maximumMemoryBytes: 64 * 1024 * 1024,
      maximumPowerMilliwatts: 7500,
      maximumThreads: 2,
      forbiddenVariants: ["fp16", "int8-dynamic"],
      forbiddenProviders: ["cuda"],
    });
  });

  it.each(["", " ", "%", "-1", "1.1", "101%", "much", "NaN"])("refuse '%s' as a share", (text) => {
    expect(() => parseShare(text)).toThrow(/share/);
  });

  it.each(["", "0", "-3", "Infinity", "x"])("refuse '%s' as a number above 0", (text) => {
    expect(() => parsePositive(text)).toThrow(/above 0/);
  });

  it.each(["", "0", "1.5", "257", "x"])("refuse '%s' as a whole number from 1 to 256", (text) => {
    expect(() => parseWhole(1, 256)(text)).toThrow(/from 1 to 256/);
  });
});
