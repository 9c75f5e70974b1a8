import type { AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto } from "onnx-buf";

/** What is told of everything in a model. */
export interface ModelVisitor {
  node(node: NodeProto): void;
  /** A tensor; `initializer` where it is a parameter, else it is the value of an attribute. */
  tensor(tensor: TensorProto, initializer: boolean): void;
}

/**
 * Visits every node and tensor of a model: the graph, the subgraphs of If, Loop and Scan, and the functions. Iterative, so that nesting cannot
 * exhaust the stack.
 */
export function walkModel(model: ModelProto, visitor: ModelVisitor): void {
  const graphs: GraphProto[] = model.graph === undefined ? [] : [model.graph];
  for (const training of model.trainingInfo) {
    if (training.initialization !== undefined) graphs.push(training.initialization);
    if (training.algorithm !== undefined) graphs.push(training.algorithm);
  }
  for (const definition of model.functions) {
    for (const attribute of definition.attributeProto) visitAttribute(attribute, visitor, graphs);
    for (const node of definition.node) visitNode(node, visitor, graphs);
  }
  for (let graph = graphs.pop(); graph !== undefined; graph = graphs.pop()) {
    for (const tensor of graph.initializer) visitor.tensor(tensor, true);
    for (const tensor of graph.sparseInitializer) visitSparse(tensor, visitor, true);
    for (const node of graph.node) visitNode(node, visitor, graphs);
  }
}

function visitNode(node: NodeProto, visitor: ModelVisitor, graphs: GraphProto[]): void {
  visitor.node(node);
  for (const attribute of node.attribute) visitAttribute(attribute, visitor, graphs);
}

function visitAttribute(attribute: AttributeProto, visitor: ModelVisitor, graphs: GraphProto[]): void {
  if (attribute.t !== undefined) visitor.tensor(attribute.t, false);
  for (const tensor of attribute.tensors) visitor.tensor(tensor, false);
  if (attribute.sparseTensor !== undefined) visitSparse(attribute.sparseTensor, visitor, false);
  for (const tensor of attribute.sparseTensors) visitSparse(tensor, visitor, false);
  if (attribute.g !== undefined) graphs.push(attribute.g);
  for (const graph of attribute.graphs) graphs.push(graph);
}

function visitSparse(tensor: SparseTensorProto, visitor: ModelVisitor, initializer: boolean): void {
  if (tensor.values !== undefined) visitor.tensor(tensor.values, initializer);
  if (tensor.indices !== undefined) visitor.tensor(tensor.indices, false);
}
