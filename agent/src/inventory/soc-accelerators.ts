import type { Accelerator } from "@sartor/shared/protocol";
import type { SystemFiles } from "../platform/index.js";
import { type DeviceTree, listRoot, readProperty } from "./device-tree.js";
import { defined, shortText, stringList } from "./text.js";

/** Accelerators of systems on chip that announce themselves in the device tree only. */
interface ChipAccelerators {
  readonly gpu?: { readonly vendor: Accelerator["vendor"]; readonly model: string };
  readonly npu?: { readonly vendor: Accelerator["vendor"]; readonly model: string };
}

/** Sources: Rockchip data sheets (RK3588: Mali-G610 MP4, 6 TOPS NPU of three cores; RK3568: Mali-G52 2EE, 1 TOPS), Raspberry Pi documentation. */
const CHIPS: Readonly<Record<string, ChipAccelerators>> = {
  "rockchip,rk3588": {
    gpu: { vendor: "arm", model: "Mali-G610 MP4" },
    npu: { vendor: "rockchip", model: "RK3588 NPU (3 cores, 6 TOPS)" },
  },
  "rockchip,rk3588s": {
    gpu: { vendor: "arm", model: "Mali-G610 MP4" },
    npu: { vendor: "rockchip", model: "RK3588 NPU (3 cores, 6 TOPS)" },
  },
  "rockchip,rk3568": {
    gpu: { vendor: "arm", model: "Mali-G52 2EE" },
    npu: { vendor: "rockchip", model: "RK3568 NPU (1 TOPS)" },
  },
  "brcm,bcm2837": { gpu: { vendor: "broadcom", model: "VideoCore IV" } },
  "brcm,bcm2711": { gpu: { vendor: "broadcom", model: "VideoCore VI" } },
  "brcm,bcm2712": { gpu: { vendor: "broadcom", model: "VideoCore VII" } },
};

/** Whether the device tree has a node of this kind that is not disabled (`status`, Devicetree Specification 2.3.4). */
async function hasNode(files: SystemFiles, names: readonly string[], kind: string): Promise<boolean> {
  for (const name of names.filter((entry) => entry.startsWith(`${kind}@`))) {
    const status = stringList(await readProperty(files, `${name}/status`))[0];
    if (status === undefined || status === "okay" || status === "ok") return true;
  }
  return false;
}

/** Version of Rockchip's NPU driver, e.g. "0.9.8"; /sys/kernel/debug needs root, the module's own file does not. */
async function npuDriver(files: SystemFiles): Promise<string | undefined> {
  const text =
    (await files.readText("/sys/module/rknpu/version")) ?? (await files.readText("/sys/kernel/debug/rknpu/version"));
  return shortText(/\d+\.\d+(\.\d+)*/.exec(text ?? "")?.[0]);
}

/**
 * GPU and NPU of a Rockchip or Broadcom chip. Rockchip's are listed only where the device tree enables them: a mainline kernel
 * without the NPU's node cannot use it, whatever the silicon holds.
 */
export async function readSocAccelerators(files: SystemFiles, tree: DeviceTree): Promise<Accelerator[]> {
  const chip = tree.compatible.flatMap((entry) => CHIPS[entry] ?? [])[0];
  if (chip === undefined) return [];
  const names = await listRoot(files);
  const found: Accelerator[] = [];
  if (chip.gpu !== undefined && (chip.gpu.vendor === "broadcom" || (await hasNode(files, names, "gpu")))) {
    // Mali's own driver says what it drives, e.g. "Mali-G610 4 cores r0p0 0xA867".
    const info = shortText(await files.readText("/sys/class/misc/mali0/device/gpuinfo"));
    const model = /^(Mali-\S+) (\d+) cores?/.exec(info ?? "");
    found.push({
      kind: "gpu",
      vendor: chip.gpu.vendor,
      model: model === null ? chip.gpu.model : `${model[1]} MP${model[2]}`,
      sharedMemory: true,
    });
  }
  if (chip.npu !== undefined && (await hasNode(files, names, "npu"))) {
    found.push(
      defined({
        kind: "npu" as const,
        ...chip.npu,
        driverVersion: await npuDriver(files),
        sharedMemory: true,
      }) as Accelerator,
    );
  }
  return found;
}
