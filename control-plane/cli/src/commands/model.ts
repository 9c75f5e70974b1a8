import { modelVersionViewSchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { pushModelFolder } from "../model-folder.js";
import { TailoringApi, versionPath } from "../tailoring-api.js";
import { addBuildCommands } from "./build.js";
import { cardText } from "./card-text.js";
import { connect } from "./connect.js";
import { addDatasetCommands } from "./dataset.js";
import { printTable } from "./table.js";

/** `sartor model push | list | card | dataset ... | build ...`. */
export function addModelCommands(program: Command): void {
  const model = program.command("model").description("Models, their versions and variants.");
  model
    .command("push <folder>")
    .description("Registers the model in a folder: manifest.json, <name>.onnx, golden.safetensors.")
    .action(async (folder: string) => {
      const version = await pushModelFolder(connect(program), folder);
      process.stdout.write(`${version.model} ${version.version} ${version.digest}\n`);
    });
  model
    .command("list")
    .description("Lists all model versions.")
    .action(async () => {
      const items = await connect(program).getAll("/api/v1/models", modelVersionViewSchema);
      const rows = items.map(({ model: name, version, parameters, bytes, variants }) => [
        name,
        version,
        String(parameters),
        String(bytes),
        variants.map((variant) => variant.name).join(" "),
      ]);
      printTable([["MODEL", "VERSION", "PARAMETERS", "BYTES", "VARIANTS"], ...rows]);
    });
  model
    .command("card <model> <version> <variant>")
    .description("Says what a variant costs in accuracy, bytes and arithmetic, and how it was made.")
    .option("--json", "print the whole card as JSON")
    .action(async (name: string, version: string, variant: string, options: { json?: boolean }) => {
      const api = connect(program);
      const key = { model: name, version };
      const card = await new TailoringApi(api).card(key, variant);
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify(card, null, 2)}\n`);
        return;
      }
      const { manifest } = await api.get(versionPath(key), modelVersionViewSchema);
      process.stdout.write(`${cardText(card, `${name} ${version}`, manifest.labels ?? [])}\n`);
    });
  addDatasetCommands(program, model);
  addBuildCommands(program, model);
}
