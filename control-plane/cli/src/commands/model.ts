import { modelVersionViewSchema } from "@sartor/shared/protocol";
import type { Command } from "commander";
import { pushModelFolder } from "../model-folder.js";
import { connect } from "./connect.js";
import { printTable } from "./table.js";

/** `sartor model push | list`. */
export function addModelCommands(program: Command): void {
  const model = program.command("model").description("Models and their versions.");
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
}
