import { StandardSchemaValidationPipe } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";

/** Most problems listed in one reply. */
const MAXIMUM_PROBLEMS = 8;

/** Validates every `@Body({ schema })`, `@Query({ schema })` and `@Param("x", { schema })`; throws SRT_INVALID_REQUEST. */
export function createValidationPipe(): StandardSchemaValidationPipe {
  return new StandardSchemaValidationPipe({
    exceptionFactory: (issues) => {
      const problems = issues.slice(0, MAXIMUM_PROBLEMS).map((issue) => {
        const path = issue.path?.map((part) => (typeof part === "object" ? part.key : part)).join(".");
        return `${path || "(request)"}: ${issue.message}`;
      });
      return new SartorError("SRT_INVALID_REQUEST", `The request does not fit its schema: ${problems.join("; ")}`, {
        details: { problems },
      });
    },
  });
}
