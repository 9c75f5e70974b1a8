import type { ModelVersionView, VariantCard } from "@sartor/shared/protocol";
import { useConnection, useResource } from "../../api/index.js";
import { ErrorNote, Loading } from "../../components/index.js";
import { Link, versionPath } from "../../router/index.js";
import { variantWords } from "../tailoring/index.js";
import { useTitle } from "../use-title.js";
import { AccuracyPanel, ClassPanel } from "./card-accuracy.js";
import { CostPanel, LineagePanel, NotesPanel } from "./card-facts.js";
import { CalibrationPanel, FusionPanel, PruningPanel } from "./card-making.js";
import { LayersPanel, SignalPanel } from "./card-signal.js";

/** Properties of a {@link CardPage}. */
export interface CardPageProps {
  readonly model: string;
  readonly version: string;
  readonly variant: string;
}

/** Everything that is known of one variant. */
export function CardPage({ model, version, variant }: CardPageProps) {
  useTitle(`${variant} of ${model} ${version}`);
  const { client } = useConnection();
  const card = useResource(`card ${model} ${version} ${variant}`, (signal) =>
    client.tailoring.card({ model, version }, variant, signal),
  );
  const view = useResource(`version ${model} ${version}`, (signal) => client.modelVersion(model, version, signal));
  return (
    <div class="page">
      <nav class="crumbs" aria-label="Where you are">
        <Link to="/models">Models</Link> <span aria-hidden="true">/</span>{" "}
        <Link to={versionPath(model, version)}>
          {model} {version}
        </Link>{" "}
        <span aria-hidden="true">/</span> {variant}
      </nav>
      <div class="page-head">
        <h1>{variant}</h1>
        <span class="muted">{card.value === null ? null : variantWords(card.value).title}</span>
      </div>
      {card.error === null ? null : <ErrorNote error={card.error} title="This card cannot be read" />}
      {card.value === null && card.error === null ? <Loading what="the card" rows={8} /> : null}
      {card.value === null ? null : <CardBody card={card.value} view={view.value} />}
    </div>
  );
}

function CardBody({ card, view }: { readonly card: VariantCard; readonly view: ModelVersionView | null }) {
  const labels = view?.manifest.labels ?? [];
  return (
    <>
      <p class="muted">{variantWords(card).text}</p>
      <NotesPanel card={card} />
      <div class="card-columns">
        <div class="stack">
          <AccuracyPanel card={card} />
          <ClassPanel card={card} labels={labels} />
        </div>
        <div class="stack">
          <SignalPanel card={card} />
          <LayersPanel card={card} />
        </div>
        <div class="stack">
          <CostPanel card={card} />
          <CalibrationPanel card={card} />
          <FusionPanel card={card} />
          <PruningPanel card={card} />
          <LineagePanel card={card} />
        </div>
      </div>
    </>
  );
}
