import type { DeviceDetail, ModelVersionView } from "@sartor/shared/protocol";
import { useConnection, usePlans, useResource } from "../../api/index.js";
import { EmptyState, ErrorNote, Loading, Panel, Select } from "../../components/index.js";
import { replaceQuery } from "../../router/index.js";
import { PlanView } from "../tailoring/index.js";
import { DeviceTunings } from "./device-tunings.js";

/** Properties of {@link DeviceTailoring}. */
export interface DeviceTailoringProps {
  readonly device: DeviceDetail;
  readonly query: URLSearchParams;
}

const keyOf = ({ model, version }: Pick<ModelVersionView, "model" | "version">) => `${model} ${version}`;

/** What fits this device: its plan for the model that it serves or another one, and what it measured itself. */
export function DeviceTailoring({ device, query }: DeviceTailoringProps) {
  const { client } = useConnection();
  const models = useResource("models", (signal) => client.models(signal));
  const versions = models.value ?? [];
  const { serving } = device;
  const served = serving?.model && serving.version ? `${serving.model} ${serving.version}` : "";
  const wanted = query.get("plan") ?? served;
  const chosen = versions.find((each) => keyOf(each) === wanted) ?? versions[0];
  const target = { key: device.deviceId, device: { deviceId: device.deviceId } };
  const version =
    chosen === undefined || device.inventory === null ? null : { model: chosen.model, version: chosen.version };
  // A new inventory, a new variant or a new deployment may change the plan.
  const round = [
    device.inventoryAt,
    device.serving?.variant,
    ...(chosen?.variants.map((each) => each.variantId) ?? []),
  ];
  const answer = usePlans({ version, round: round.join() }, [target]).get(device.deviceId);
  return (
    <>
      <Panel
        title="Tailoring: what fits this device"
        aside={
          versions.length < 2 || chosen === undefined ? null : (
            <Select
              label="Plan for"
              value={keyOf(chosen)}
              options={versions.map((each) => [
                keyOf(each),
                `${keyOf(each)}${keyOf(each) === served ? " (served)" : ""}`,
              ])}
              onChange={(plan) => replaceQuery({ plan: plan === served ? null : plan })}
            />
          )
        }
      >
        {models.error === null ? null : <ErrorNote error={models.error} title="The models cannot be read" />}
        {device.inventory === null ? (
          <EmptyState title="The device has not said what hardware it is">
            <p>A plan is made from its inventory, which comes after its first connect.</p>
          </EmptyState>
        ) : null}
        {models.value !== null && versions.length === 0 ? <EmptyState title="No model is registered yet" /> : null}
        {version !== null && answer === undefined ? <Loading what="the plan" rows={4} /> : null}
        {answer?.error ? <ErrorNote error={answer.error} title="There is no plan for this device" /> : null}
        {answer?.value ? <PlanView plan={answer.value} /> : null}
      </Panel>
      <DeviceTunings device={device} chosen={chosen} />
    </>
  );
}
