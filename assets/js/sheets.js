// A component's style sheets and the looks of all classes: once a page, whoever comes first.
for (const [name, rules] of Object.entries({ looks: lookRules(), ...SHEETS })) {
  const id = `sheet-${name}`;
  if (document.getElementById(id)) continue;
  const style = el("style", "", rules);
  style.id = id;
  document.head.append(style);
}
