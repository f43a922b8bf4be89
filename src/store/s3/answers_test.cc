#include "store/s3/answers.h"

#include <gtest/gtest.h>

#include "store/s3/xml.h"

namespace vigie::store::s3 {
namespace {

TEST(Xml, IsATreeOfNamesAndTexts) {
  const auto root = parse_xml("<?xml version=\"1.0\"?><a xmlns=\"u\"><b>1&amp;2</b><b>3</b></a>");
  ASSERT_TRUE(root);
  EXPECT_EQ(root->name, "a");
  EXPECT_EQ(root->children.size(), 2U);
  EXPECT_EQ(root->text_of("b"), "1&2");
  EXPECT_EQ(root->text_of("c"), "");
}

TEST(Xml, DropsThePrefixOfANamespace) {
  EXPECT_EQ(parse_xml("<s:a xmlns:s=\"u\"/>")->name, "a");
}

TEST(Xml, RefusesADocumentType) {
  EXPECT_FALSE(parse_xml("<!DOCTYPE a><a/>"));
  EXPECT_FALSE(parse_xml("<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>"));
  EXPECT_FALSE(parse_xml("<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>"));
}

TEST(Xml, RefusesWhatIsNotWellFormed) {
  for (const char* text : {"", " ", "<a>", "<a></b>", "<a/><b/>", "text", "<a>&nothing;</a>",
                           "<a>\x01</a>", "<a>\xff</a>"})
    EXPECT_FALSE(parse_xml(text)) << text;
}

std::string nested(size_t depth) {
  std::string open;
  std::string close;
  for (size_t i = 0; i < depth; ++i) {
    open += "<a>";
    close += "</a>";
  }
  return open + close;
}

TEST(Xml, IsBoundedInDepth) {
  EXPECT_TRUE(parse_xml(nested(kXmlDepth)));
  EXPECT_FALSE(parse_xml(nested(kXmlDepth + 1)));
}

TEST(Xml, IsBoundedInNumber) {
  std::string text = "<a>";
  for (size_t i = 0; i < kXmlElements; ++i) text += "<b/>";
  EXPECT_FALSE(parse_xml(text + "</a>"));
}

TEST(Xml, WhatIsEscapedReadsAsItWas) {
  const std::string text = "a<b>&c\"'d]]>";
  EXPECT_EQ(parse_xml("<a>" + xml_escape(text) + "</a>")->text, text);
}

const std::string kOne =
    "<Contents><Key>a%2Fb%20c</Key><Size>12</Size><ETag>&quot;0f-2&quot;</ETag></Contents>";

std::string page(const std::string& inside) {
  return "<ListBucketResult>" + inside + "</ListBucketResult>";
}

TEST(ObjectPage, HasObjectsAndFolders) {
  const auto read = parse_objects(page(kOne + "<CommonPrefixes><Prefix>a/</Prefix></CommonPrefixes>"
                                              "<IsTruncated>false</IsTruncated>"));
  ASSERT_TRUE(read);
  ASSERT_EQ(read->objects.size(), 1U);
  EXPECT_EQ(read->objects[0].key, "a/b c");
  EXPECT_EQ(read->objects[0].size, Bytes{12});
  EXPECT_EQ(read->objects[0].etag, "0f-2");
  EXPECT_EQ(read->folders, std::vector<std::string>{"a/"});
  EXPECT_EQ(read->next, "");
}

TEST(ObjectPage, TakesAPlusSignForASpace) {
  const auto read =
      parse_objects(page("<Contents><Key>a+b%2Bc</Key><Size>1</Size><ETag>e</ETag></Contents>"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->objects.at(0).key, "a b+c");
}

TEST(ObjectPage, SaysHowItGoesOn) {
  const std::string more = "<IsTruncated>true</IsTruncated>";
  EXPECT_EQ(parse_objects(page(more + "<NextContinuationToken>t</NextContinuationToken>"))->next,
            "t");
  EXPECT_FALSE(parse_objects(page(more)));
}

// One that would be passed over would be taken for one that is not there.
TEST(ObjectPage, AnObjectThatCannotBeReadSpoilsIt) {
  for (const char* inside :
       {"<Contents/>", "<Contents><Key>a</Key><Size>-1</Size><ETag>x</ETag></Contents>",
        "<Contents><Key>a</Key><Size>1x</Size><ETag>x</ETag></Contents>",
        "<Contents><Key>%zz</Key><Size>1</Size><ETag>x</ETag></Contents>",
        "<Contents><Key>a</Key><Size>1</Size><ETag>&lt;b&gt;</ETag></Contents>",
        "<CommonPrefixes/>"})
    EXPECT_FALSE(parse_objects(page(inside))) << inside;
}

TEST(ObjectPage, AnotherDocumentIsNone) {
  EXPECT_FALSE(parse_objects("<Error><Code>x</Code></Error>"));
  EXPECT_FALSE(parse_objects("<html><body>a proxy</body></html>"));
}

TEST(UploadPage, HasUploadsAndHowItGoesOn) {
  const auto read = parse_uploads(
      "<ListMultipartUploadsResult><Upload><Key>a%2Fb</Key><UploadId>u1</UploadId></Upload>"
      "<IsTruncated>true</IsTruncated><NextKeyMarker>a%2Fb</NextKeyMarker>"
      "<NextUploadIdMarker>u1</NextUploadIdMarker></ListMultipartUploadsResult>");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->uploads.at(0).key, "a/b");
  EXPECT_EQ(read->uploads.at(0).id, "u1");
  EXPECT_EQ(read->next_key, "a/b");
  EXPECT_EQ(read->next_id, "u1");
}

TEST(DeleteAnswer, CountsWhatWasNotDeleted) {
  EXPECT_EQ(parse_not_deleted("<DeleteResult/>")->count, 0U);
  const auto some = parse_not_deleted(
      "<DeleteResult><Error><Key>a</Key><Code>AccessDenied</Code></Error>"
      "<Error><Key>b</Key><Code>Other</Code></Error></DeleteResult>");
  EXPECT_EQ(some->count, 2U);
  EXPECT_EQ(some->code, "AccessDenied");
}

TEST(Etag, IsTakenWithAndWithoutQuotes) {
  EXPECT_EQ(*parse_etag("\"0f-2\""), "0f-2");
  EXPECT_EQ(*parse_etag("0f-2"), "0f-2");
  for (const char* text : {"", "\"\"", "\"", "a b", "a\"b", "<a>"}) EXPECT_FALSE(parse_etag(text));
}

TEST(ContentRange, SaysWhereItBeginsAndHowLongTheWholeIs) {
  EXPECT_EQ(parse_content_range("bytes 10-19/1234")->first, 10U);
  EXPECT_EQ(parse_content_range("bytes 10-19/1234")->total, 1234U);
  EXPECT_EQ(parse_content_range("bytes */0")->total, 0U);
  for (const char* text : {"", "bytes", "bytes 1-2", "bytes 1-2/*", "items 1-2/3", "bytes x-2/3"})
    EXPECT_FALSE(parse_content_range(text)) << text;
}

}  // namespace
}  // namespace vigie::store::s3
