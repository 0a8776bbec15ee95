// Sentences beside the controls that caused them. value: {field: sentence}, or {} when all is well.
const clear = () => {
  document.querySelectorAll(".field-problem").forEach((line) => line.remove());
  document.querySelectorAll("[aria-invalid=true]").forEach((input) => {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  });
};
const show = (field, sentence) => {
  const place = document.getElementById("field-" + field) ?? document.getElementById("field-prompt");
  const line = document.createElement("p");
  line.className = "field-problem";
  line.id = "problem-" + field;
  line.textContent = sentence;
  place.append(line);
  const input = place.querySelector("textarea, input, select");
  input?.setAttribute("aria-invalid", "true");
  input?.setAttribute("aria-describedby", line.id);
  return { place, input };
};
watch("value", () => {
  clear();
  const found = Object.entries(props.value || {}).map(([field, text]) => show(field, text));
  if (!found.length) return;
  const { place, input } = found[0];
  if (place.closest("#drawer")) document.body.dataset.drawer = "parameters";
  place.scrollIntoView({ block: "nearest" });
  input?.focus({ preventScroll: true });
});
