import type { DatasetView } from "@sartor/shared/protocol";
import { type Resource, useConnection, useResource } from "../../api/index.js";

/** The samples of a model, newest first. */
export function useDatasets(model: string): Resource<readonly DatasetView[]> {
  const { client } = useConnection();
  return useResource(`datasets ${model}`, async (signal) =>
    (await client.tailoring.datasets(model, signal)).sort((left, right) => right.createdAt - left.createdAt),
  );
}
