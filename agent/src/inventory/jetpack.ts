/**
 * JetPack by Linux-for-Tegra release: the release says which TensorRT and CUDA a device has.
 * Source: NVIDIA's JetPack archive (developer.nvidia.com/embedded/jetpack-archive); 36.4.7: github.com/rbonghi/jetson_stats/issues/791;
 * 39.2: github.com/HazyResearch/intelligence-per-watt/issues/40. A release that is not listed gives no JetPack version.
 */
const JETPACK: Readonly<Record<string, string>> = {
  "32.1": "4.2",
  "32.2": "4.2.1",
  "32.2.1": "4.2.2",
  "32.2.3": "4.2.3",
  "32.3.1": "4.3",
  "32.4.2": "4.4 DP",
  "32.4.3": "4.4",
  "32.4.4": "4.4.1",
  "32.5": "4.5",
  "32.5.1": "4.5.1",
  "32.5.2": "4.5.1",
  "32.6.1": "4.6",
  "32.7.1": "4.6.1",
  "32.7.2": "4.6.2",
  "32.7.3": "4.6.3",
  "32.7.4": "4.6.4",
  "32.7.5": "4.6.5",
  "32.7.6": "4.6.6",
  "34.1": "5.0 DP",
  "34.1.1": "5.0.1 DP",
  "35.1": "5.0.2",
  "35.2.1": "5.1",
  "35.3.1": "5.1.1",
  "35.4.1": "5.1.2",
  "35.5": "5.1.3",
  "35.6": "5.1.4",
  "36.2": "6.0 DP",
  "36.3": "6.0",
  "36.4": "6.1",
  "36.4.3": "6.2",
  "36.4.4": "6.2.1",
  "36.4.7": "6.2.1",
  "38.2": "7.0",
  "38.4": "7.1",
  "39.2.1": "7.2.1",
};

/** `# R36 (release), REVISION: 4.7, GCID: ...` of /etc/nv_tegra_release as "36.4.7"; undefined when it says something else. */
export function parseL4tRelease(text: string | undefined): string | undefined {
  const match = /^#\s*R(\d{1,3})\s*\(release\),\s*REVISION:\s*(\d{1,3}(?:\.\d{1,3})*)/m.exec(text ?? "");
  return match === null ? undefined : `${match[1]}.${match[2]}`;
}

/** JetPack version of a release; "36.4.0" and "36.4" are one release. */
export const jetpackVersion = (l4t: string): string | undefined => JETPACK[l4t] ?? JETPACK[l4t.replace(/\.0$/, "")];
