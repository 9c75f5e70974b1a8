import type { VariantBuildRequest, VariantName } from "@sartor/shared/protocol";

/** What stands in the form of a build; numbers are texts, as people type them. */
export interface BuildChoices {
  /** All variants that suit the network, instead of those named. */
  readonly fitting: boolean;
  readonly variants: readonly VariantName[];
  /** A dataset's id, `newest` or `none`. */
  readonly calibration: string;
  readonly evaluation: string;
  readonly maximumLossPoints: string;
  readonly minimumAccuracyPercent: string;
  readonly equalise: boolean;
  readonly pruningPercent: string;
}

/** The form as it stands at first: the server's own defaults. */
export const FIRST_CHOICES: BuildChoices = {
  fitting: true,
  variants: [],
  calibration: "newest",
  evaluation: "newest",
  maximumLossPoints: "0.5",
  minimumAccuracyPercent: "",
  equalise: true,
  pruningPercent: "25",
};

/** The request that the choices stand for. What is not said is left to the server. */
export function toBuildRequest(choices: BuildChoices): VariantBuildRequest {
  const maximumLoss = shareOf(choices.maximumLossPoints);
  const minimumAccuracy = shareOf(choices.minimumAccuracyPercent);
  const share = shareOf(choices.pruningPercent);
  return {
    ...(choices.fitting ? {} : { variants: [...choices.variants] }),
    ...datasetOf("calibration", choices.calibration),
    ...datasetOf("evaluation", choices.evaluation),
    accuracy: {
      ...(maximumLoss === undefined ? {} : { maximumLoss }),
      ...(minimumAccuracy === undefined ? {} : { minimumAccuracy }),
    },
    equalise: choices.equalise,
    pruning: share === undefined ? {} : { share },
  };
}

function datasetOf<Key extends string>(key: Key, value: string): Partial<Record<Key, string | null>> {
  if (value === "newest") return {};
  return { [key]: value === "none" ? null : value } as Partial<Record<Key, string | null>>;
}

/** A percentage as a share; undefined for an empty field. */
function shareOf(percent: string): number | undefined {
  const value = Number(percent);
  // Divided, 0.5 would become 0.005 with a tail of digits.
  return percent.trim() === "" || !Number.isFinite(value) ? undefined : Number((value / 100).toPrecision(12));
}
