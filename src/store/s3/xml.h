// The XML that a server that speaks S3 answers with, by expat. It is hostile until shown
// otherwise: no document type, no entities of its own, bounded in depth and number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vigie::store::s3 {

inline constexpr size_t kXmlDepth = 8;
inline constexpr size_t kXmlElements = 50'000;  // a page of 1000 keys has about 10'000

struct XmlElement {
  std::string name;  // as it stands there, without its namespace's prefix
  std::string text;  // all that lies directly in it
  std::vector<XmlElement> children;

  // The first of that name; nullptr when there is none.
  const XmlElement* child(std::string_view wanted) const;
  // Its text; empty when there is none. Lives as long as this element.
  std::string_view text_of(std::string_view wanted) const;
};

// Nothing when it is not well-formed UTF-8 XML within the limits, or declares a document type.
std::optional<XmlElement> parse_xml(std::string_view text);

// For the text of an element. What XML cannot say at all (control characters) is left out.
std::string xml_escape(std::string_view text);

}  // namespace vigie::store::s3
