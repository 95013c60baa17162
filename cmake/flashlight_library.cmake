# flashlight_library(FOLDER [DEPENDENCY...]): the target of one folder of src, named after it
# ("codegen/cpu" is flashlight_codegen_cpu). A folder of headers alone becomes an INTERFACE target;
# CONFIGURE_DEPENDS turns it into a STATIC one when its first .cpp appears.
function(flashlight_library folder)
  string(REPLACE "/" "_" name ${folder})
  set(target flashlight_${name})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${folder}/*.cpp)
  if(sources OR FLASHLIGHT_GENERATED_SOURCES)
    add_library(${target} STATIC ${sources} ${FLASHLIGHT_GENERATED_SOURCES})
    set(scope PUBLIC)
    target_compile_options(${target} PRIVATE -Wall -Wextra)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_include_directories(${target} ${scope} ${PROJECT_SOURCE_DIR}/src
                                                ${PROJECT_SOURCE_DIR}/include)
  foreach(dependency IN LISTS ARGN)
    string(REPLACE "/" "_" dependency ${dependency})
    target_link_libraries(${target} ${scope} flashlight_${dependency})
  endforeach()
endfunction()
