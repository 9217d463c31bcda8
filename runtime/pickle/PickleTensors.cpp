//===- PickleTensors.cpp - The values of PyTorch's weights ----------------===//
//
// torch.save writes a state dict as an OrderedDict of
//   _rebuild_tensor_v2(storage, first element, size, stride, requires_grad,
//                      hooks)
// where the storage is a persistent id
//   ('storage', torch.FloatStorage, key, device, number of elements)
// whose elements are the archive's entry data/<key>.
//
//===----------------------------------------------------------------------===//
#include "runtime/pickle/PickleMachine.h"

namespace pfc::rt {

void PickleMachine::pushStorage() {
  Id id = pop();
  if (document[id].kind != PickleKind::Tuple)
    error("a storage's name is not a tuple");
  const PickleValue &tuple = document[id];
  if (!isText(argument(tuple, 0, PickleKind::Text), "storage"))
    error("it refers to something other than a storage");
  const PickleValue &type = argument(tuple, 1, PickleKind::Global);
  if (type.number != static_cast<int64_t>(PickleGlobal::StorageType))
    error("a storage's type is none of torch's");
  const PickleValue &elements = argument(tuple, 4, PickleKind::Int);
  if (elements.number < 0)
    error("a storage of {} elements", elements.number);
  push(make({.kind = PickleKind::Storage,
             .element = type.element,
             .number = elements.number,
             .bytes = argument(tuple, 2, PickleKind::Text).bytes}));
}

PickleId PickleMachine::makeDict(const PickleValue &arguments) {
  if (!arguments.items.empty())
    error("OrderedDict with arguments");
  return make({.kind = PickleKind::Dict});
}

PickleId PickleMachine::makeTensor(const PickleValue &arguments) {
  argument(arguments, 0, PickleKind::Storage);
  const PickleValue &first = argument(arguments, 1, PickleKind::Int);
  const PickleValue &size = argument(arguments, 2, PickleKind::Tuple);
  const PickleValue &stride = argument(arguments, 3, PickleKind::Tuple);
  if (first.number < 0 || size.items.size() != stride.items.size())
    error("a tensor whose offset is negative, or with other strides than "
          "extents");
  constexpr size_t mostExtents = 16;
  if (size.items.size() > mostExtents)
    error("a tensor of {} dimensions", size.items.size());
  for (size_t axis = 0; axis < size.items.size(); ++axis)
    if (argument(size, axis, PickleKind::Int).number < 0 ||
        argument(stride, axis, PickleKind::Int).number < 0)
      error("a tensor with a negative extent or stride");
  return make(
      {.kind = PickleKind::Tensor,
       .number = first.number,
       .items = {arguments.items[0], arguments.items[2], arguments.items[3]}});
}

/// _rebuild_parameter(tensor, requires_grad, hooks)
PickleId PickleMachine::makeParameter(const PickleValue &arguments) {
  argument(arguments, 0, PickleKind::Tensor);
  return arguments.items[0];
}

void PickleMachine::setItems(size_t from) {
  if (from == 0 || from < (marks.empty() ? 0 : marks.back()) + 1 ||
      document[stack[from - 1]].kind != PickleKind::Dict)
    error("there is no dict to set items of");
  if ((stack.size() - from) % 2 != 0)
    error("a key without a value");
  std::vector<uint32_t> &items = document.values[stack[from - 1]].items;
  items.insert(items.end(), stack.begin() + static_cast<ptrdiff_t>(from),
               stack.end());
  stack.resize(from);
}

/// Big endian; a learning rate, say, that nothing here needs.
void PickleMachine::readFloat() {
  take(8);
  push(make({.kind = PickleKind::Float}));
}

} // namespace pfc::rt
