import { DATASET_PURPOSES, type DatasetPurpose } from "@sartor/shared/protocol";
import { type Command, Option } from "commander";
import { TailoringApi } from "../tailoring-api.js";
import { connect } from "./connect.js";
import { bytesText } from "./format.js";
import { printTable } from "./table.js";

interface AddOptions {
  readonly name: string;
  readonly purpose: DatasetPurpose;
  readonly description?: string;
}

/** `sartor model dataset add | list | remove`. */
export function addDatasetCommands(program: Command, model: Command): void {
  const dataset = model.command("dataset").description("Samples that variants are calibrated and measured with.");
  dataset
    .command("add <model> <file>")
    .description("Registers a safetensors file: one tensor for each input, or `images`; and `labels`.")
    .addOption(
      new Option("--purpose <purpose>", "what the samples are for").choices(DATASET_PURPOSES).makeOptionMandatory(),
    )
    .requiredOption("--name <name>", "a name that is unique within the model")
    .option("--description <text>", "where the samples come from")
    .action(async (name: string, file: string, options: AddOptions) => {
      const added = await new TailoringApi(connect(program)).addDataset(name, { ...options, file });
      process.stdout.write(`${added.datasetId}\n`);
    });
  dataset
    .command("list <model>")
    .description("Lists the datasets of a model.")
    .action(async (name: string) => {
      const items = await new TailoringApi(connect(program)).datasets(name);
      const rows = items.map((item) => [
        item.datasetId,
        item.name,
        item.purpose,
        String(item.samples),
        item.classCounts === null ? "-" : String(Object.keys(item.classCounts).length),
        bytesText(item.bytes),
      ]);
      printTable([["DATASET", "NAME", "PURPOSE", "SAMPLES", "CLASSES", "SIZE"], ...rows]);
    });
  dataset
    .command("remove <model> <datasetId>")
    .description("Removes a dataset; variants that were made with it stay.")
    .action(async (name: string, datasetId: string) => {
      await new TailoringApi(connect(program)).removeDataset(name, datasetId);
      process.stdout.write("removed\n");
    });
}
