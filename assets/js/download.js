// Hands a text to the visitor as a file. value: {name, text}, or null.
watch("value", () => {
  const file = props.value;
  if (!file?.text) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([file.text], { type: "application/json" }));
  link.download = file.name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
});
