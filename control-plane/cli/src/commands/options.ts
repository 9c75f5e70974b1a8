import { EXECUTION_PROVIDERS, type TailoringPolicy, VARIANT_KINDS } from "@sartor/shared/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";

/** Reads a share of 1: `0.985` or `98.5%`. */
export function parseShare(text: string): number {
  const trimmed = text.trim();
  const value = trimmed.endsWith("%") ? Number(trimmed.slice(0, -1)) / 100 : Number(trimmed);
  if (trimmed === "" || trimmed === "%" || !(value >= 0 && value <= 1)) {
    throw new InvalidArgumentError("expected a share from 0 to 1, or percent as in 98.5%");
  }
  return value;
}

/** Reads a number above 0. */
export function parsePositive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0 && Number.isFinite(value))) {
    throw new InvalidArgumentError("expected a number above 0");
  }
  return value;
}

/** Reads a whole number in a range. */
export function parseWhole(low: number, high: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isInteger(value) || value < low || value > high) {
      throw new InvalidArgumentError(`expected a whole number from ${low} to ${high}`);
    }
    return value;
  };
}

const BYTES_A_MIB = 1024 * 1024;

/** What {@link addPolicyOptions} adds to a command's options. */
export interface PolicyOptions {
  readonly maxP95?: number;
  readonly minAccuracy?: number;
  readonly maxAccuracyLoss?: number;
  readonly maxMemory?: number;
  readonly maxPower?: number;
  readonly maxThreads?: number;
  readonly forbidVariant?: TailoringPolicy["forbiddenVariants"];
  readonly forbidProvider?: TailoringPolicy["forbiddenProviders"];
}

/** Adds the operator's policy to a command. */
export function addPolicyOptions(command: Command): Command {
  return command
    .option("--max-p95 <ms>", "highest 95th percentile of latency", parsePositive)
    .option("--min-accuracy <share>", "least accuracy on the evaluation set, as 0.985 or 98.5%", parseShare)
    .option("--max-accuracy-loss <share>", "most accuracy that may be lost against fp32, as 0.005 or 0.5%", parseShare)
    .option("--max-memory <MiB>", "most memory of the loaded model", parsePositive)
    .option("--max-power <watts>", "most power of the whole module", parsePositive)
    .option("--max-threads <count>", "most threads of one session", parseWhole(1, 256))
    .addOption(
      new Option("--forbid-variant <kind...>", "kinds of variants that are not to be used").choices(VARIANT_KINDS),
    )
    .addOption(
      new Option("--forbid-provider <provider...>", "providers that are not to be used").choices(EXECUTION_PROVIDERS),
    );
}

/** The policy that the options of {@link addPolicyOptions} stand for; fields that were not given are left out. */
export function policyOf(options: PolicyOptions): Partial<TailoringPolicy> {
  const policy: Partial<Record<keyof TailoringPolicy, unknown>> = {
    maximumP95Ms: options.maxP95,
    minimumAccuracy: options.minAccuracy,
    maximumAccuracyLoss: options.maxAccuracyLoss,
    maximumMemoryBytes: options.maxMemory === undefined ? undefined : Math.round(options.maxMemory * BYTES_A_MIB),
    maximumPowerMilliwatts: options.maxPower === undefined ? undefined : Math.round(options.maxPower * 1000),
    maximumThreads: options.maxThreads,
    forbiddenVariants: options.forbidVariant,
    forbiddenProviders: options.forbidProvider,
  };
  return Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
}
