# Warnings are errors, everywhere the same; sanitizers by VIGIE_SANITIZE.
find_program(VIGIE_CCACHE ccache)
if(VIGIE_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${VIGIE_CCACHE})
endif()

add_library(vigie_flags INTERFACE)
target_include_directories(vigie_flags INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}
                                                 ${PROJECT_BINARY_DIR}/generated)
target_compile_options(vigie_flags INTERFACE -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor
                                             -Wimplicit-fallthrough -fstack-protector-strong
                                             -Wno-missing-field-initializers)  # designated initializers leave the rest to their defaults
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
  # g++ 12 reports these falsely inside <expected> and std::string at -O2 (GCC PR 105562, 105651).
  target_compile_options(vigie_flags INTERFACE -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow)
endif()
if(VIGIE_FAILPOINTS)
  target_compile_definitions(vigie_flags INTERFACE VIGIE_FAILPOINTS=1)
endif()
if(VIGIE_SANITIZE)
  target_compile_options(vigie_flags INTERFACE -fsanitize=${VIGIE_SANITIZE} -fno-omit-frame-pointer
                                               -fno-sanitize-recover=all)
  target_link_options(vigie_flags INTERFACE -fsanitize=${VIGIE_SANITIZE})
  if(VIGIE_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    target_compile_options(vigie_flags INTERFACE -Wno-tsan)
  endif()
else()
  target_compile_options(vigie_flags INTERFACE $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
endif()
target_compile_definitions(vigie_flags INTERFACE _FILE_OFFSET_BITS=64)
