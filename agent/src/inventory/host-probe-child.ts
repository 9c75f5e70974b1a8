/**
 * Runs in a short process of its own (see host-probe.ts) and writes one JSON value to standard output.
 *
 * `system`: what systeminformation knows of board, virtualisation and graphics; `providers`: ONNX Runtime's execution
 * providers by its own names. Only erasable TypeScript and package imports here: tests run this file from source.
 */
const text = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined);

async function system(): Promise<unknown> {
  const { baseboard, graphics, system: machine } = await import("systeminformation");
  const [board, found, screens] = await Promise.all([baseboard(), machine(), graphics()]);
  const virtual = found.virtual === true;
  return {
    // In a container or a virtual machine systeminformation names these instead of a board ("Docker Container").
    manufacturer: text(found.manufacturer) ?? text(board.manufacturer),
    model: virtual && /container/i.test(found.model) ? undefined : (text(found.model) ?? text(board.model)),
    serial: text(found.serial) ?? text(board.serial),
    virtualHost: virtual ? text(found.virtualHost) : undefined,
    graphics: screens.controllers.slice(0, 32).map((controller) => ({
      vendor: controller.vendor ?? "",
      model: controller.model ?? "",
      busAddress: controller.busAddress ?? "",
      memoryMegabytes: typeof controller.vram === "number" && controller.vram > 0 ? controller.vram : undefined,
      driverVersion: text(controller.driverVersion),
    })),
  };
}

async function providers(): Promise<unknown> {
  const { listSupportedBackends } = await import("onnxruntime-node");
  return listSupportedBackends().map(({ name, bundled }) => ({ name, bundled }));
}

const answer = process.argv[2] === "providers" ? await providers() : await system();
process.stdout.write(JSON.stringify(answer));
