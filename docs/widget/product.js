// A shop's own template writes the id of the product and the key into its page. Here they come from the page's address:
// product.html?item=ID&key=KEY&service=http://127.0.0.1:8000/storefront/v1/
const told = new URLSearchParams(location.search);
const looks = document.querySelector("goeswith-looks");
for (const name of ["item", "key", "src", "limit", "heading", "approved"]) {
  if (told.has(name)) looks.setAttribute(name, told.get(name));
}

let count = 0;
window.addToBasket = ({ item }) => {
  count += 1;
  document.getElementById("basket").textContent = `Basket: ${count} (${item.title})`;
};

looks.addEventListener("goeswith:shown", ({ detail: { item } }) => {
  document.getElementById("title").textContent = item.title || item.item_id;
  const money = { style: "currency", currency: item.currency || "EUR" };
  const price = item.price == null ? "" : new Intl.NumberFormat(document.documentElement.lang, money).format(item.price);
  document.getElementById("price").textContent = price;
  const picture = document.getElementById("picture");
  picture.src = new URL(item.image.src, looks.base);
  picture.alt = item.title || "";
});

const script = document.createElement("script");
script.src = `${told.get("service")}looks.js`;
script.async = true;
document.body.append(script);
