import { Panel } from "./panel";

export function App(props: Props) {
  return (
    <Panel title="x">
      <Row render={renderRow} />
    </Panel>
  );
}
