const root = element.querySelector(".trace-view");
let count = 0;
const text = el("p", "text");
root.append(text);
watch("value", () => {
  const value = props.value;
  if (!value || !value.tokens) return;
  while (text.childElementCount > value.at) text.lastElementChild.remove();
  for (const token of value.tokens) text.append(el("button", "token", token.text));
});
