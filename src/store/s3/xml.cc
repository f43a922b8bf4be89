#include "store/s3/xml.h"

#include <expat.h>

#include <algorithm>
#include <memory>
#include <type_traits>

namespace vigie::store::s3 {
namespace {

struct FreeParser {
  void operator()(XML_Parser parser) const { ::XML_ParserFree(parser); }
};
using Parser = std::unique_ptr<std::remove_pointer_t<XML_Parser>, FreeParser>;

// Builds the tree as expat tells of it.
class Builder {
 public:
  explicit Builder(XML_Parser parser) : parser_(parser) {
    ::XML_SetUserData(parser, this);
    ::XML_SetElementHandler(parser, begin, end);
    ::XML_SetCharacterDataHandler(parser, text);
    ::XML_SetStartDoctypeDeclHandler(parser, refuse_doctype);
  }

  // The one element that the document is.
  std::optional<XmlElement> root() && {
    if (top_.children.size() != 1) return std::nullopt;
    return std::move(top_.children.front());
  }

 private:
  static Builder& of(void* user) { return *static_cast<Builder*>(user); }

  static void begin(void* user, const XML_Char* name, const XML_Char**) {
    Builder& self = of(user);
    if (self.open_.size() > kXmlDepth || ++self.elements_ > kXmlElements) return self.stop();
    const std::string_view whole(name);
    const size_t colon = whole.rfind(':');
    XmlElement element;
    element.name = colon == std::string_view::npos ? whole : whole.substr(colon + 1);
    // The parents' children do not grow while a child is open: the pointers stay good.
    self.open_.push_back(&self.open_.back()->children.emplace_back(std::move(element)));
  }
  static void end(void* user, const XML_Char*) {
    Builder& self = of(user);
    if (self.open_.size() > 1) self.open_.pop_back();
  }
  static void text(void* user, const XML_Char* text, int length) {
    of(user).open_.back()->text.append(text, static_cast<size_t>(length));
  }
  static void refuse_doctype(void* user, const XML_Char*, const XML_Char*, const XML_Char*, int) {
    of(user).stop();
  }
  void stop() { (void)::XML_StopParser(parser_, XML_FALSE); }

  XML_Parser parser_;
  XmlElement top_;  // holds the root
  std::vector<XmlElement*> open_{&top_};
  size_t elements_ = 0;
};

}  // namespace

const XmlElement* XmlElement::child(std::string_view wanted) const {
  const auto found = std::ranges::find(children, wanted, &XmlElement::name);
  return found == children.end() ? nullptr : &*found;
}

std::string_view XmlElement::text_of(std::string_view wanted) const {
  const XmlElement* const found = child(wanted);
  return found == nullptr ? std::string_view() : std::string_view(found->text);
}

std::optional<XmlElement> parse_xml(std::string_view text) {
  const Parser parser(::XML_ParserCreate("UTF-8"));
  if (!parser || text.size() > size_t{1} << 30) return std::nullopt;
  Builder builder(parser.get());
  const int size = static_cast<int>(text.size());
  if (::XML_Parse(parser.get(), text.data(), size, XML_TRUE) != XML_STATUS_OK) return std::nullopt;
  return std::move(builder).root();
}

std::string xml_escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (byte >= 0x20)
      out += c;
  }
  return out;
}

}  // namespace vigie::store::s3
